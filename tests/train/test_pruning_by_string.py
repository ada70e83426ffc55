"""Pruning by the originals' strings: what every hyperparameter of both vintages becomes."""

import pytest

keras = pytest.importorskip("keras")

from tests.networks import cifar10_of_the_originals as network  # noqa: E402
from wcodec.errors import HyperparameterError, ScheduleError  # noqa: E402
from wcodec.train import WeightChange  # noqa: E402
from wcodec.train.hparams import PRUNING_2018  # noqa: E402
from wcodec.train.masks import Blocks, Elements, Histogram, MByN  # noqa: E402
from wcodec.train.originals import pruned_model  # noqa: E402

layers = keras.layers


def test_pruning_by_string():
    model = pruned_model(
        network(),
        "target_sparsity=0.9,begin_pruning_step=1,weight_sparsity_map=[local3:0.75,conv1/kernel:0.5],pruning_frequency=5",
    )
    model.advance(100)
    assert [(row.name, round(row.sparsity, 2)) for row in model.report()] == [
        ("conv1/kernel", 0.5),
        ("local3/kernel", 0.75),
    ]


def test_pruning_of_2018_by_string():
    model = pruned_model(network(), "do_not_prune=[conv1,softmax]")
    assert [row.name for row in model.report()] == ["local3/kernel", "local4/kernel"]
    model.advance(100)
    assert model.sparsity() == 0.5  # exact, where the histogram stays below
    histogram = pruned_model(network(), PRUNING_2018, histogram=True)
    assert histogram.get_config()["structure"] == {"class": "Histogram", "nbins": 255, "decay": 0.9}
    for _ in range(100):
        histogram.advance()
    assert 0.2 < histogram.sparsity() < 0.5


@pytest.mark.parametrize(
    ("text", "structure"),
    [
        ("block_dims_map=[.:4x1]", Blocks(4, 1, "AVG")),
        ("", Elements()),
        ("block_height=4,block_width=2", Blocks(4, 2, "AVG")),
        ("block_height=4,block_width=2,block_pooling_function=MAX", Blocks(4, 2, "MAX")),
        ("block_width=4,intra_block_sparsity=True", MByN(2, 4)),
    ],
)
def test_structures_by_string(text, structure):
    assert pruned_model(network(), text)._structure == structure


def test_blocks_by_weight():
    model = pruned_model(network(), "block_dims_map=[local3:4x1,local4:2x2]")
    structures = {masked.name: masked.structure for masked, _ in model.masked_weights()}
    assert structures == {
        "conv1/kernel": Elements(),
        "local3/kernel": Blocks(4, 1, "AVG"),
        "local4/kernel": Blocks(2, 2, "AVG"),
        "softmax/kernel": Elements(),
    }


def test_groups_by_string():
    model = network()
    model.get_layer("local4").kernel.assign(10 * model.get_layer("local4").kernel.numpy())  # all that is kept is there
    text = "group_pruning=true,group_sparsity_map=[locals:0.9],group_block_dims_map=[locals:2x2],target_sparsity=0.5"
    pruned = pruned_model(model, text, groups={"locals": ["local*/kernel"]})
    pruned.advance(100)
    rows = {row.name: row for row in pruned.report()}
    blocks = 288 * 96 // 4 + 96 * 48 // 4
    both = [rows[f"{name}/kernel"] for name in ("local3", "local4")]
    assert [row.elements - row.zeros for row in both] == [0, 4 * round(blocks * 0.1)]
    rest = [row for row in rows.values() if row not in both]  # "ungrouped"
    assert sum(row.zeros for row in rest) == round(sum(row.elements for row in rest) * 0.5)
    with pytest.raises(HyperparameterError, match="group_pruning"):
        pruned_model(network(), "", groups={"locals": ["local*/kernel"]})
    with pytest.raises(HyperparameterError, match="like 'conv9"):
        pruned_model(network(), "group_pruning=true", groups={"g": ["conv9/*"]})


def test_prune_options():
    model = pruned_model(network(), "prune_option=second_order_gradient,gradient_decay_rate=0.5")
    assert model._saliency == WeightChange(2, 0.5)


@pytest.mark.parametrize(
    ("text", "error", "rule"),
    [
        ("prune_option=hessian", HyperparameterError, "prune_option 'hessian'"),
        ("weight_sparsity_map=[local:0.5,local3:0.6]", HyperparameterError, "both for 'local3/kernel'"),
        ("weight_sparsity_map=[local]", HyperparameterError, "name:value"),
        ("weight_sparsity_map=[local:half]", HyperparameterError, "'half' is no number"),
        ("block_dims_map=[local:4x1x2]", HyperparameterError, "form 4x4"),
        ("block_dims_map=[local:4x1,local3:2x2]", HyperparameterError, "both for 'local3/kernel'"),
        ("intra_block_sparsity=True,block_height=2", HyperparameterError, "block_height 1"),
        ("target_sparsity=1.0", ScheduleError, "final_sparsity"),
        ("sparsity_function_begin_step=100", ScheduleError, "begin_step 100"),
        ("end_pruning_step=3", ScheduleError, "ends at step 3"),
    ],
)
def test_pruning_strings_that_contradict_are_told(text, error, rule):
    with pytest.raises(error, match=rule):
        pruned_model(network(), text)


def test_histogram_is_named():
    assert Histogram() == Histogram(255, 0.9)
