"""Moving statistics of batch normalizations at the end of a training."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from wcodec.errors import NonFiniteError  # noqa: E402
from wcodec.train import compressible  # noqa: E402
from wcodec.train.statistics import reestimate_statistics, statistic_codes  # noqa: E402

layers = keras.layers


def network():
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(6, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, name="output"),
        ]
    )


def images(count=32):
    return np.random.default_rng(6).normal(1.0, 2.0, (count, 8, 8, 2)).astype(np.float32)


def statistics(model):
    norm = model.get_layer("norm")
    return [np.array(keras.ops.convert_to_numpy(v)) for v in (norm.moving_mean, norm.moving_variance)]


def test_the_mean_over_batches_takes_the_place_of_the_moving_average():
    """Batches 0, 2 and 4, 8: means 1 and 6, variances 1 and 4."""
    model = keras.Sequential([keras.Input((1,)), layers.BatchNormalization(momentum=0.9, name="norm")])
    reestimate_statistics(model, [np.array([[0.0], [2.0]], np.float32), np.array([[4.0], [8.0]], np.float32)])
    mean, variance = statistics(model)
    np.testing.assert_allclose([mean[0], variance[0]], [3.5, 2.5], rtol=1e-6)
    assert model.get_layer("norm").momentum == 0.9


def test_no_batch_leaves_them_and_nothing_else_changes():
    model = network()
    before = model.get_weights()
    reestimate_statistics(model, [])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    reestimate_statistics(model, [images()])
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, False, False, True, True, False, False]


def test_a_frozen_normalization_is_left_alone():
    model = network()
    model.get_layer("norm").trainable = False
    reestimate_statistics(model, [images()])
    assert np.array_equal(statistics(model)[0], np.zeros(6, np.float32))
    assert statistic_codes(model) == {}


def test_steps_follow_the_least_deviation_of_a_layer():
    """Least variance .25 - epsilon: steps at most .5 / 32 = 2^-6 and .25 / 16 = 2^-6, code 16 (20 - 6) = 224."""
    model = network()
    norm = model.get_layer("norm")
    norm.moving_variance.assign(np.array([1, 4, 0.25, 9, 1, 1], np.float32) - np.float32(norm.epsilon))
    codes = statistic_codes(model)
    assert set(codes) == {"norm/moving_mean", "norm/moving_variance"}
    assert all(code in (223, 224) for code in codes.values())
    norm.moving_variance.assign(np.array([0, 4, 0.25, 9, 1, 1], np.float32))  # a channel that is silent
    assert statistic_codes(model)["norm/moving_variance"] == 160  # 2^-12 of the root mean square: 2^-9.97


def test_a_settled_network_is_the_decoded_one_bit_for_bit(tmp_path):
    model = compressible(network(), 0.0, initial_log_step=-4.0)
    model.settle_statistics([images(), images(16)])
    wcodec.encode(model, tmp_path / "model.wcz")
    decoded = wcodec.decode(tmp_path / "model.wcz")
    for name, variable in wcodec.train.variable_names(model.finalize()):
        assert decoded[name].tobytes() == np.asarray(keras.ops.convert_to_numpy(variable)).tobytes(), name
    symbols, _ = wcodec.decode_quantized(tmp_path / "model.wcz")["norm/moving_mean"]
    assert np.abs(symbols).max() < 256  # 46,000 near-lossless
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert wcodec.encode(loaded).data == (tmp_path / "model.wcz").read_bytes()


def test_training_on_unsettles_them():
    model = compressible(network(), 0.0, initial_log_step=-4.0)
    model.settle_statistics([images()])
    assert isinstance(model.factored_weights()["norm/moving_mean"], wcodec.factorizations.FactoredWeight)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images(), np.arange(32) % 4, verbose=0)
    assert isinstance(model.factored_weights()["norm/moving_mean"], np.ndarray)


def test_statistics_that_are_not_finite():
    model = compressible(network(), 0.0)
    model.inner.get_layer("norm").moving_mean.assign(np.full(6, np.nan, np.float32))
    with pytest.raises(NonFiniteError):
        model.settle_statistics()
