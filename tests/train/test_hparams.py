"""Hyperparameters of the originals: literal defaults, parsing, and what each option becomes."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from tests.networks import cifar10_of_the_originals as network  # noqa: E402
from wcodec.errors import FactorizationError, HyperparameterError, OptionError, ScheduleError  # noqa: E402
from wcodec.factorizations.ranks import (  # noqa: E402
    graph_compression_documented_rank,
    graph_compression_rank,
    low_rank,
    matrix_rank,
)
from wcodec.train import AlphaSchedule, CompressionOperator  # noqa: E402
from wcodec.train.hparams import (  # noqa: E402
    BLOCK_COMPRESSION,
    COMPRESSION,
    COMPRESSION_CODE,
    INPUT_COMPRESSION,
    MIXED_BLOCK_COMPRESSION,
    PRUNING,
    PRUNING_2018,
)
from wcodec.train.originals import (  # noqa: E402
    OPTIONS,
    alpha_schedule_of,
    compression_operator,
    factorization_of,
)

layers = keras.layers
CIFAR10 = (
    "name=cifar10_compression,alpha_decrement_value=0.005,begin_compression_step=40000,end_compression_step=100000,"
    "compression_frequency=100,compression_option=1,use_tpu=True,update_option=0,rank=200"
)


def test_defaults_of_the_readme():
    assert dict(COMPRESSION) == {
        "name": "model_compression",
        "alpha_decrement_value": 0.01,
        "begin_compression_step": 0,
        "end_compression_step": -1,
        "compression_frequency": 10,
        "compression_option": 0,
        "rank": 100,
        "update_option": 0,
        "use_tpu": False,
    }


def test_defaults_of_the_code():
    assert {k: v for k, v in COMPRESSION_CODE.items() if k not in {**COMPRESSION, **PRUNING}} == {
        "num_rows": 10,
        "num_cols": 10,
        "compressor_option": 0,
        "is_b_matrix_trainable": True,
        "is_c_matrix_trainable": True,
        "is_d_matrix_trainable": True,
        "is_c_matrix_present": True,
        "block_size": 1,
        "pruning_fraction": 0.0,
        "use_lsh": False,
        "run_update_interval_check": 1,
        "do_transpose": False,
        "add_summary": True,
    }
    assert COMPRESSION_CODE.rank == 7
    assert COMPRESSION_CODE.alpha_decrement_value == 0.01
    assert (INPUT_COMPRESSION.begin_compression_step, INPUT_COMPRESSION.end_compression_step) == (1000, 2000)
    assert {k: v for k, v in INPUT_COMPRESSION.items() if k not in COMPRESSION_CODE or k in ("name", "rank")} == {
        "name": "input_compression",
        "rank": 4,
        "compress_input": True,
        "compress_output": False,
        "input_compression_factor": 1,
        "input_block_size": 32,
        "output_compression_factor": 1,
        "output_block_size": 1,
    }
    assert (BLOCK_COMPRESSION.block_method, BLOCK_COMPRESSION.block_compression_factor) == ("loop", 1)
    assert (MIXED_BLOCK_COMPRESSION.compression_factor, MIXED_BLOCK_COMPRESSION.num_bases) == (1, 1)


def test_defaults_of_pruning_in_both_vintages():
    assert dict(PRUNING_2018) == {
        "name": "model_pruning",
        "begin_pruning_step": 0,
        "end_pruning_step": -1,
        "do_not_prune": ("",),
        "threshold_decay": 0.9,
        "pruning_frequency": 10,
        "nbins": 255,
        "block_height": 1,
        "block_width": 1,
        "block_pooling_function": "AVG",
        "initial_sparsity": 0.0,
        "target_sparsity": 0.5,
        "sparsity_function_begin_step": 0,
        "sparsity_function_end_step": 100,
        "sparsity_function_exponent": 3.0,
    }
    changed = {"threshold_decay": 0.0, "nbins": 256}
    new = {
        "weight_sparsity_map": ("",),
        "block_dims_map": ("",),
        "gradient_decay_rate": 0.99,
        "prune_option": "weight",
        "group_pruning": False,
        "group_sparsity_map": ("",),
        "group_block_dims_map": ("",),
        "intra_block_sparsity": False,
        "use_tpu": False,
    }
    assert dict(PRUNING) == {k: v for k, v in {**PRUNING_2018, **changed, **new}.items() if k != "do_not_prune"}


def test_the_cifar10_string_of_the_original():
    hparams = COMPRESSION.parse(CIFAR10)
    assert dict(hparams) == {
        "name": "cifar10_compression",
        "alpha_decrement_value": 0.005,
        "begin_compression_step": 40000,
        "end_compression_step": 100000,
        "compression_frequency": 100,
        "compression_option": 1,
        "rank": 200,
        "update_option": 0,
        "use_tpu": True,
    }
    assert [type(v) for v in hparams.values()] == [str, float, int, int, int, int, int, int, bool]
    assert alpha_schedule_of(hparams) == AlphaSchedule(40_000, 100, 0.005, 100_000)
    assert hparams.rank == 200
    assert COMPRESSION.rank == 100  # unchanged


def test_lists_and_numbers():
    assert PRUNING_2018.parse("do_not_prune=[conv1, fc],nbins=10").do_not_prune == ("conv1", "fc")
    assert PRUNING.parse("target_sparsity=1e-1").target_sparsity == 0.1
    assert PRUNING.parse("target_sparsity=0").target_sparsity == 0.0
    assert PRUNING.parse("use_tpu=1, intra_block_sparsity=true").use_tpu is True
    assert COMPRESSION.parse("") == COMPRESSION
    assert COMPRESSION.override(rank=3).rank == 3


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("rnak=200", "no hyperparameter 'rnak'; did you mean 'rank'"),
        ("end_compresson_step=5", "did you mean 'end_compression_step'"),
        ("zzz=1", "there are name, alpha_decrement_value"),
        ("rank=1.5", "rank is of type int, not '1.5'"),
        ("rank=big", "rank is of type int"),
        ("alpha_decrement_value=fast", "of type float"),
        ("use_tpu=maybe", "true or false"),
        ("rank", "name=value"),
        ("=3", "name=value"),
        ("rank=1,rank=2", "twice"),
        ("rank=[1,2]", "rank is one value"),
    ],
)
def test_bad_strings_are_told(text, rule):
    with pytest.raises(HyperparameterError, match=rule):
        COMPRESSION.parse(text)


def test_a_list_is_a_list():
    with pytest.raises(HyperparameterError, match=r"a list, \[a,b\]"):
        PRUNING_2018.parse("do_not_prune=conv1")
    with pytest.raises(HyperparameterError, match="type int"):
        COMPRESSION.override(rank=True)


def test_both_rank_formulas():
    assert [graph_compression_rank(*mn, 200) for mn in ((2304, 384), (384, 192), (3, 3))] == [192, 96, 2]
    assert [graph_compression_documented_rank(*mn, 200) for mn in ((2304, 384), (384, 192), (3, 3))] == [193, 97, 2]
    assert [graph_compression_rank(300, 200, r) for r in (50, 100, 300)] == [200, 200, 67]


def test_rank_percent_and_ratio_are_names_of_their_own():
    assert matrix_rank(2304, 384, rank=7) == 7
    assert matrix_rank(2304, 384, rank_percent=50) == 192
    assert matrix_rank(2304, 384, ratio=1) == 329  # the largest rank that does not grow
    assert matrix_rank(2304, 384, ratio=4) == 82
    assert 2304 * 384 >= 4 * 82 * (2304 + 384)
    assert low_rank(ratio=4)((3, 3, 32, 64)).rank == 13
    for wrong in ({}, {"rank": 3, "ratio": 2}, {"rank": 385}, {"rank": 0}, {"ratio": 1000}, {"ratio": -1}):
        with pytest.raises(FactorizationError):
            matrix_rank(2304, 384, **wrong)


@pytest.mark.parametrize(
    ("text", "kind", "fields"),
    [
        ("compression_option=1,rank=200", "low_rank", {"rank": 24}),
        ("compression_option=2,rank=300", "simhash", {"bits": 17, "seed": 42}),
        ("compression_option=3,rank=400", "dictionary", {"atoms": 25, "nonzeros": 13}),
        ("compression_option=4,rank=16", "kmeans", {"levels": 16}),
        ("compression_option=4,rank=16,block_size=4", "product_quantization", {"levels": 16, "block": 4}),
        ("compression_option=4,rank=16,pruning_fraction=0.75", "sparse_kmeans", {"levels": 16, "count": 1152}),
        ("compression_option=8,rank=16,target_sparsity=0.9", "sparse_kmeans", {"levels": 16, "count": 461}),
    ],
)
def test_options_become_kinds(text, kind, fields):
    factorization = factorization_of(COMPRESSION_CODE.parse(text))((96, 48))
    assert factorization.kind == kind
    assert {name: getattr(factorization, name) for name in fields} == fields


def test_input_block_and_mixed_options():
    made = factorization_of(INPUT_COMPRESSION.parse("input_block_size=20,rank=2"))((400, 84))
    assert (made.kind, made.input_block, made.input_width, made.output_block) == ("input_output", 20, 10, 1)
    both = INPUT_COMPRESSION.parse(
        "input_block_size=4,input_compression_factor=2,compress_output=True,output_block_size=4,"
        "output_compression_factor=2"
    )
    shapes = factorization_of(both)((12, 8)).factor_shapes.values()
    assert sorted(shapes) == [(2, 4), (4, 2), (6, 4)]  # the original's own test
    diagonal = factorization_of(BLOCK_COMPRESSION.parse("block_compression_factor=2"))((12, 8))
    assert (diagonal.kind, diagonal.blocks) == ("block_diagonal", 2)
    mixed = factorization_of(MIXED_BLOCK_COMPRESSION.parse("compression_factor=4,num_bases=2"))((12, 8))
    assert (mixed.kind, mixed.bases, mixed.block_rows, mixed.block_columns) == ("mixed_block", 2, 3, 2)


def test_use_lsh_reaches_the_learning(monkeypatch):
    from wcodec.fitting import dictionary_learning

    starts = []
    monkeypatch.setitem(dictionary_learning.STARTS, "lsh", lambda *args: starts.append(1) or rows(*args))
    rows = dictionary_learning.STARTS["rows"]
    weight = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    for text, calls in (("compression_option=3,rank=200", 0), ("compression_option=3,rank=200,use_lsh=true", 1)):
        factorization = factorization_of(COMPRESSION_CODE.parse(text))((12, 8))
        assert (factorization.number, factorization.atoms, factorization.nonzeros) == (5, 7, 5)
        report = wcodec.encode({"w": weight}, factorizations={"w": factorization_of(COMPRESSION_CODE.parse(text))})
        assert (len(starts), report.rows[0].kind) == (calls, "dictionary")
        assert wcodec.decode(report.data)["w"].shape == (12, 8)


def test_transposed_blocks_are_refused_and_transposed_scalars_are_the_same():
    scalars = factorization_of(COMPRESSION_CODE.parse("compression_option=4,rank=8,do_transpose=true"))((12, 8))
    assert (scalars.kind, scalars.levels) == ("kmeans", 8)
    with pytest.raises(HyperparameterError, match="do_transpose"):
        factorization_of(COMPRESSION_CODE.parse("compression_option=4,rank=8,block_size=2,do_transpose=true"))((12, 8))


def test_options_are_exactly_the_originals():
    assert sorted(OPTIONS) == [0, 1, 2, 3, 4, 8, 9, 10, 12]
    assert factorization_of(COMPRESSION) is None
    for option in (5, -1, 13):
        with pytest.raises(HyperparameterError, match=f"compression_option {option}"):
            factorization_of(COMPRESSION.override(compression_option=option))
    with pytest.raises(HyperparameterError, match="rank"):
        factorization_of(COMPRESSION.parse("compression_option=1,rank=0"))


def test_option_zero_is_the_identity():
    model = network()
    assert compression_operator(model) is model


def test_an_operator_by_string():
    operator = compression_operator(network(), CIFAR10, ["local*/kernel"])
    assert isinstance(operator, CompressionOperator)
    assert [(r.name, r.kind, r.compressed_fraction) for r in operator.report()] == [
        ("local3/kernel", "low_rank", (288 * 48 + 48 * 96) / (288 * 96)),
        ("local4/kernel", "low_rank", 0.75),
    ]
    assert operator.schedule == AlphaSchedule(40_000, 100, 0.005, 100_000)


def test_what_would_grow_stays_dense():
    # (48, 3) at rank 3 holds 153 numbers for 144: the original grows, ours keeps the matrix.
    operator = compression_operator(network(), "compression_option=1,rank=140")
    assert "local3/kernel" in [row.name for row in operator.report()]
    assert "softmax/kernel" not in [row.name for row in operator.report()]
    with pytest.raises(OptionError):
        compression_operator(network(), "compression_option=1,rank=100", ["softmax/kernel"])


def test_an_end_that_is_too_early_is_told():
    with pytest.raises(ScheduleError, match="alpha is 0.9"):
        compression_operator(network(), "compression_option=1,rank=400,end_compression_step=100")


def test_frozen_matrices():
    hparams = COMPRESSION_CODE.parse("compression_option=1,rank=400,is_b_matrix_trainable=False")
    operator = compression_operator(network(), hparams, ["local3/kernel"])
    ((factors, _),) = operator.factored_variables()
    assert {name: v.trainable for name, v in factors.variables.items()} == {"left": False, "right": True}
