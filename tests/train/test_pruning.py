"""Pruning in training, on layers of every kind."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from wcodec.errors import NonFiniteError, OptionError, ScheduleError, UnsupportedTypeError  # noqa: E402
from wcodec.train import (  # noqa: E402
    ConstantSparsity,
    FirstOrder,
    PolynomialDecay,
    PrunedModel,
    WeightChange,
    prune_low_magnitude,
    strip_clustering,
    strip_pruning,
)
from wcodec.train.masks import Blocks, Elements, Histogram  # noqa: E402

layers = keras.layers
NOW = ConstantSparsity(0.75, 0, frequency=10**6)  # one update, before the first step

# kind: (shape of one sample, layer, weights that are pruned)
LAYERS = {
    "Dense": ((6,), lambda: layers.Dense(5, name="layer"), ["kernel"]),
    "Conv1D": ((8, 2), lambda: layers.Conv1D(4, 3, name="layer"), ["kernel"]),
    "Conv2D": ((6, 6, 2), lambda: layers.Conv2D(4, 3, name="layer"), ["kernel"]),
    "Conv3D": ((4, 4, 4, 1), lambda: layers.Conv3D(3, 2, name="layer"), ["kernel"]),
    "DepthwiseConv2D": ((6, 6, 2), lambda: layers.DepthwiseConv2D(3, name="layer"), ["kernel"]),
    "SeparableConv2D": (
        (6, 6, 2),
        lambda: layers.SeparableConv2D(4, 3, name="layer"),
        ["depthwise_kernel", "pointwise_kernel"],
    ),
    "Embedding": ((7,), lambda: layers.Embedding(10, 4, name="layer"), ["embeddings"]),
    "LSTM": ((5, 3), lambda: layers.LSTM(4, name="layer"), ["lstm_cell/kernel", "lstm_cell/recurrent_kernel"]),
    "GRU": ((5, 3), lambda: layers.GRU(4, name="layer"), ["gru_cell/kernel", "gru_cell/recurrent_kernel"]),
}


def model_of(shape, layer):
    inputs = keras.Input(shape)
    return keras.Model(inputs, layers.Dense(3, name="head")(layers.Flatten()(layer(inputs))))


def data(shape, n=32):
    rng = np.random.default_rng(0)
    return rng.integers(0, 10, (n, *shape)).astype("float32"), rng.integers(0, 3, n).astype("int32")


def compiled(model, optimizer=None):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    return model


def array(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


def dense(kernel):
    model = keras.Sequential([keras.Input((len(kernel),)), layers.Dense(len(kernel[0]), name="fc")])
    model.set_weights([np.array(kernel, "float32"), np.zeros(len(kernel[0]), "float32")])
    return model


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_of_layer_is_pruned_and_stored(kind):
    shape, layer, pruned = LAYERS[kind]
    x, y = data(shape)
    model = compiled(prune_low_magnitude(model_of(shape, layer()), {"layer/*": NOW}))
    history = model.fit(x, y, batch_size=16, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert [row.name for row in model.report()] == [f"layer/{name}" for name in pruned]
    assert all(row.zeros == row.elements - round(row.elements * 0.25) for row in model.report())
    pairs = zip(model.masked_weights(), model.effective_weights(), strict=True)
    effective = {masked.name: array(w) for (masked, _), (_, w) in pairs}
    decoded = wcodec.decode(wcodec.encode(model).data)
    predictions = model.predict(x, verbose=0)
    plain = strip_pruning(model)
    np.testing.assert_allclose(plain.predict(x, verbose=0), predictions, atol=1e-5)
    for (masked, variable), row in zip(model.masked_weights(), model.report(), strict=True):
        for held in (effective[masked.name], decoded[masked.name], array(variable)):
            assert (held[~array(masked.mask)] == 0).all()
            assert (held == 0).sum() == row.zeros


def test_masked_weights_do_not_move_and_others_do():
    x, y = data((6,))
    model = compiled(prune_low_magnitude(model_of((6,), layers.Dense(5, name="layer")), {"layer/*": NOW}))
    model.start()
    ((masked, variable),) = model.masked_weights()
    before = array(variable).copy()
    model.fit(x, y, epochs=1, batch_size=8, verbose=0)
    moved = array(variable) != before
    assert not moved[~array(masked.mask)].any()
    assert moved[array(masked.mask)].all()


def test_the_schedule_is_followed_and_logged():
    x, y = data((6,))
    schedule = PolynomialDecay(0.0, 0.9, 0, 7, frequency=4)  # updates at 0, 4 and, past its frequency, 7
    model = compiled(prune_low_magnitude(model_of((6,), layers.Dense(20, name="layer")), {"layer/*": schedule}))
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0).history
    at_4 = 1 - round(120 * (1 - schedule.sparsity(4))) / 120
    assert history["sparsity"] == pytest.approx([at_4, 0.9])
    assert model.sparsity() == pytest.approx(0.9)


def test_targets_by_pattern():
    plan = {"layer/*": ConstantSparsity(0.5, 0), "head/kernel": ConstantSparsity(0.8, 0)}
    model = prune_low_magnitude(model_of((6,), layers.Dense(5, name="layer")), plan)
    model.start()
    assert [(r.name, r.zeros) for r in model.report()] == [("layer/kernel", 15), ("head/kernel", 12)]
    assert model.sparsity() == 27 / 45


def test_blocks_and_m_by_n_reach_the_masks():
    kernel = np.arange(1.0, 17.0).reshape(4, 4)
    blocks = prune_low_magnitude(dense(kernel), ConstantSparsity(0.5, 0), block_size=(2, 2), block_pooling_type="MAX")
    blocks.start()
    assert array(blocks.masked_weights()[0][0].mask).astype(int).tolist() == [[0] * 4] * 2 + [[1] * 4] * 2
    two_of_four = prune_low_magnitude(dense(kernel), ConstantSparsity(0.5, 0), sparsity_m_by_n=(2, 4))
    two_of_four.start()
    assert array(two_of_four.masked_weights()[0][0].mask).sum(axis=0).tolist() == [2] * 4


def test_a_file_holds_a_mask_of_blocks():
    kernel = np.arange(1.0, 36.0).reshape(5, 7)
    pruned = prune_low_magnitude(dense(kernel), ConstantSparsity(0.75, 0), block_size=(2, 3))
    pruned.start()
    weight = pruned.factored_weights()["fc/kernel"]
    assert (weight.factorization.kind, weight.factorization.height, weight.factorization.width) == (
        "block_sparse",
        2,
        3,
    )
    assert weight.factors["mask"].tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 1]]  # means 33 and 35
    assert weight.factors["values"].tolist() == [
        [[32, 33, 34], [0, 0, 0]],
        [[35, 0, 0], [0, 0, 0]],
    ]
    expected = np.zeros((5, 7))
    expected[4, 3:] = kernel[4, 3:]
    np.testing.assert_array_equal(wcodec.decode(wcodec.encode(pruned, lossless=True).data)["fc/kernel"], expected)
    np.testing.assert_array_equal(array(strip_pruning(pruned).layers[0].kernel), expected)


def test_a_1x1_convolution_is_a_matrix_for_blocks():
    model = keras.Sequential([keras.Input((4, 4, 6)), layers.Conv2D(8, 1, name="fc")])
    pruned = prune_low_magnitude(model, ConstantSparsity(0.5, 0), block_size=(3, 4))
    pruned.start()
    weight = pruned.factored_weights()["fc/kernel"]
    assert weight.factorization.kind == "block_sparse"
    masked = array(pruned.inner.layers[0].kernel) * array(pruned.masked_weights()[0][0].mask)
    np.testing.assert_array_equal(weight.factorization.reconstruct(weight.factors), masked)
    assert (masked == 0).sum() == 24


def test_weights_are_pruned_together():
    def grown():
        model = model_of((6,), layers.Dense(10, name="layer"))
        model.get_layer("head").kernel.assign(array(model.get_layer("head").kernel) * 100)
        return model

    together = prune_low_magnitude(grown(), ConstantSparsity(0.5, 0), groups=("*",))
    together.start()
    weights = [array(v).ravel() for _, v in together.masked_weights()]
    masks = [array(masked.mask).ravel() for masked, _ in together.masked_weights()]
    kept = np.sort(np.abs(np.concatenate(weights)))[-45:]
    assert sorted(np.abs(np.concatenate([w[m] for w, m in zip(weights, masks, strict=True)]))) == kept.tolist()
    assert [int(m.sum()) for m in masks] == [15, 30]
    again = PrunedModel.from_config(together.get_config())
    assert again.get_config()["groups"] == {"layer/kernel": "*", "head/kernel": "*"}
    again.start()
    assert again.sparsity() == 0.5
    alone = prune_low_magnitude(grown(), ConstantSparsity(0.5, 0))
    alone.start()
    assert [row.zeros for row in alone.report()] == [30, 15]
    two = {"layer/*": ConstantSparsity(0.5, 0), "head/*": ConstantSparsity(0.6, 0)}
    with pytest.raises(OptionError, match="different schedules"):
        prune_low_magnitude(grown(), two, groups=("*",))
    with pytest.raises(OptionError, match="MByN decides each weight by itself"):
        prune_low_magnitude(grown(), NOW, sparsity_m_by_n=(2, 4), groups=("*",))
    with pytest.raises(OptionError, match="groups: no weight"):
        prune_low_magnitude(grown(), NOW, groups=("conv*",))


def test_structures_by_pattern_come_back_from_a_file(tmp_path):
    model = model_of((6,), layers.Dense(10, name="layer"))
    pruned = prune_low_magnitude(model, ConstantSparsity(0.5, 0), structure={"layer/*": Blocks(2, 5)})
    again = PrunedModel.from_config(pruned.get_config())
    assert [masked.structure for masked, _ in again.masked_weights()] == [Blocks(2, 5), Elements()]


def test_contribs_histogram_by_name():
    model = prune_low_magnitude(
        dense(np.arange(1.0, 101.0).reshape(10, 10)),
        ConstantSparsity(0.5, 0, frequency=1),
        structure=Histogram(10, 0.5),
    )
    model.start()
    first = model.report()[0]
    assert first.threshold == pytest.approx(0.5 * 5 / 10 * 100)  # cumulative shares .09 .19 .29 .39 .49 lie below .5
    model.advance()
    assert model.report()[0].threshold == pytest.approx(0.5 * 50 + 0.5 * first.threshold)


@pytest.mark.parametrize("power", [1, 2])
def test_first_order_saliency_is_the_average_of_weight_times_gradient(power):
    # y = x w, loss = mean (y - t)^2 over two samples: dL/dw = mean 2 (y - t) x
    model = dense([[1.0], [2.0]])
    pruned = prune_low_magnitude(model, ConstantSparsity(0.5, 100), saliency=FirstOrder(0.75, power))
    pruned.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
    x, t = np.array([[1.0, 0.0], [3.0, 1.0]], "float32"), np.array([[0.0], [1.0]], "float32")
    error = x @ np.array([[1.0], [2.0]]) - t
    gradient = (2 * error * x).mean(axis=0)
    score = np.abs(np.array([1.0, 2.0]) * gradient) ** power
    pruned.train_on_batch(x, t)
    ((masked, _),) = pruned.masked_weights()
    np.testing.assert_allclose(array(masked.state["saliency"]).ravel(), 0.25 * score, rtol=1e-6)
    pruned.train_on_batch(x, t)
    np.testing.assert_allclose(array(masked.state["saliency"]).ravel(), (0.25 + 0.75 * 0.25) * score, rtol=1e-6)


def test_first_order_saliency_trains_through_fit_and_prunes_by_it():
    x, y = data((6,))
    x[:, 2] = 0.0  # a dead input: its weights are the least salient, whatever their size
    model = model_of((6,), layers.Dense(10, name="layer"))
    kernel = model.get_layer("layer").kernel
    kernel.assign(array(kernel) + 5.0 * (np.arange(6) == 2)[:, None])
    schedule = ConstantSparsity(1 / 6, 6, frequency=10**6)
    pruned = compiled(prune_low_magnitude(model, {"layer/*": schedule}, saliency=FirstOrder()))
    pruned.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert (~array(pruned.masked_weights()[0][0].mask)).any(axis=1).tolist() == [
        False,
        False,
        True,
        False,
        False,
        False,
    ]


def test_a_masked_weight_may_return():
    model = dense([[1.0, 5.0]])
    pruned = prune_low_magnitude(model, ConstantSparsity(0.5, 0, frequency=1), saliency=FirstOrder(0.0))
    pruned.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
    ((masked, _),) = pruned.masked_weights()
    masked.mask.assign(np.array([[True, False]]))
    pruned.train_on_batch(np.ones((1, 1), "float32"), np.array([[1.0, 9.0]], "float32"))  # only the masked one errs
    pruned.advance()
    assert array(masked.mask).tolist() == [[False, True]]


@pytest.mark.parametrize("order", [1, 2])
def test_weight_change_is_googles_formula(order):
    rng = np.random.default_rng(0)
    saliency, state = WeightChange(order, decay=0.9), {k: np.zeros((4, 3)) for k in ("change", "old", "older")}
    weights = [np.zeros((4, 3)), np.zeros((4, 3)), *(rng.normal(size=(4, 3)) for _ in range(4))]
    average = np.zeros((4, 3))
    for older, old, weight in zip(weights, weights[1:], weights[2:], strict=False):
        change = np.abs(weight - old) if order == 1 else np.abs(weight + older - 2 * old)
        average = 0.9 * average + 0.1 * change / np.linalg.norm(change)
        np.testing.assert_allclose(saliency.scores(weight, state), np.abs(weight) * average, rtol=1e-12)


@pytest.mark.parametrize("saliency", [None, FirstOrder(), WeightChange(2)], ids=["magnitude", "first_order", "change"])
def test_save_and_load_keep_masks_step_and_saliency(saliency, tmp_path):
    x, y = data((6,))
    schedule = PolynomialDecay(0.0, 0.9, 0, 12, frequency=2)
    model = compiled(prune_low_magnitude(model_of((6,), layers.Dense(20, name="layer")), schedule, saliency=saliency))
    model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    model.save(tmp_path / "pruned.keras")
    again = keras.models.load_model(tmp_path / "pruned.keras")
    assert isinstance(again, PrunedModel)
    assert again.step == 8
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    for trained in (model, again):
        trained.fit(x, y, batch_size=8, epochs=1, verbose=0, shuffle=False)
    assert again.report() == model.report()
    assert again.sparsity() == pytest.approx(0.9, abs=0.01)


def test_what_cannot_be_is_told():
    model = model_of((6,), layers.Dense(5, name="layer"))
    with pytest.raises(OptionError, match="'fc/\\*'"):
        prune_low_magnitude(model, {"fc/*": NOW})
    with pytest.raises(OptionError, match="no weight that can be pruned has a name like 'layer/bias'"):
        prune_low_magnitude(model, {"layer/bias": NOW})
    with pytest.raises(OptionError, match="leaves no weight"):
        prune_low_magnitude(model, {"*": None})
    with pytest.raises(OptionError, match="exclude"):
        prune_low_magnitude(model, NOW, block_size=(2, 2), sparsity_m_by_n=(2, 4))
    with pytest.raises(OptionError, match="exclude"):
        prune_low_magnitude(model, NOW, block_size=(2, 2), structure=Histogram())
    with pytest.raises(UnsupportedTypeError, match="not dict"):
        prune_low_magnitude({}, NOW)
    for wrong in (lambda: FirstOrder(1.0), lambda: FirstOrder(0.9, 3), lambda: WeightChange(3)):
        with pytest.raises(ScheduleError):
            wrong()


def test_a_diverged_weight_is_named():
    model = dense([[float("nan"), 1.0]])
    pruned = prune_low_magnitude(model, NOW)
    with pytest.raises(NonFiniteError) as caught:
        pruned.start()
    assert caught.value.tensor == "fc/kernel"


def test_what_was_not_pruned_is_not_stripped():
    plain = model_of((12,), layers.Dense(16))
    with pytest.raises(UnsupportedTypeError, match="^strip_pruning takes what prune_low_magnitude made, not a Func"):
        strip_pruning(plain)
    with pytest.raises(UnsupportedTypeError, match="^strip_clustering takes what cluster_weights made, not a Func"):
        strip_clustering(plain)
    for m, n in ((4, 4), (5, 4), (0, 4)):
        with pytest.raises(OptionError, match=f"^{m} zeros of every {n} inputs: at least one, and fewer than all$"):
            prune_low_magnitude(plain, ConstantSparsity(0.5, 0), sparsity_m_by_n=(m, n))
