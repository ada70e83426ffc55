"""Rates in bits: what they charge at integers, between them, and over a training run."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from wcodec.coders import CODERS  # noqa: E402
from wcodec.errors import OptionError  # noqa: E402
from wcodec.train import compressible  # noqa: E402
from wcodec.train.rates import CodeLength, Logistic, coded_bits, price_tables  # noqa: E402


def variable(shape, initializer, trainable, name):
    return keras.Variable(initializer, shape=shape, trainable=trainable, name=name)


def number(tensor):
    return float(keras.ops.convert_to_numpy(tensor))


def sparse_symbols(shape=(40, 30), density=0.2, seed=0):
    rng = np.random.default_rng(seed)
    sizes = rng.geometric(0.6, shape) * rng.choice([-1, 1], shape)
    return np.where(rng.random(shape) < density, sizes, 0).astype(np.int32)


def test_a_code_length_is_exact_at_the_symbols_it_was_set_from():
    symbols = sparse_symbols()
    (nbits,) = coded_bits([symbols])
    rate = CodeLength(symbols.shape, variable, "rate")
    rate.refresh(symbols, nbits)
    assert number(rate.bits(keras.ops.cast(symbols, "float32"))) == pytest.approx(nbits, rel=1e-4)


def test_a_zero_is_cheap_where_there_are_many():
    symbols = np.zeros((8, 8), np.int32)
    symbols[:, 3] = 1
    symbols[2, 6] = -2
    (zero, other), magnitudes = price_tables(symbols)
    assert zero[0, 0] < 0.2 < zero[0, 3]
    assert other[0, 3] < 0.2 < other[0, 0]
    assert magnitudes[0] == 0
    assert np.all(np.diff(magnitudes[1:]) >= 0)


def test_a_code_length_is_linear_between_integers_and_has_a_gradient():
    rate = CodeLength((1,), variable, "rate")
    rate.zero.assign([0.5])
    rate.other.assign([4.0])
    rate.magnitudes.assign(np.concatenate([[0, 1, 3], np.arange(13) + 5.0]))
    found = [number(rate.bits(keras.ops.array([u]))) for u in (0.0, 0.5, 1.0, -1.5, 2.0, 17.0)]
    assert found == pytest.approx([0.5, 2.75, 5.0, 6.0, 7.0, 23.0])


def test_logistic_bits_are_those_of_the_distribution():
    prior = Logistic(variable, "prior")
    prior.log_scale.assign(np.log(0.7))
    mass = 1 / (1 + np.exp(-2.5 / 0.7)) - 1 / (1 + np.exp(-1.5 / 0.7))
    assert number(prior.bits(keras.ops.array([2.0]))) == pytest.approx(-np.log2(mass), rel=1e-4)
    assert number(prior.bits(keras.ops.array([40.0]))) < 64  # bounded where the mass underflows


def digits():
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    return (pixels / 16).astype(np.float32), labels


def classifier(**options):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(40, activation="relu", name="dense"), layers.Dense(10, name="output")]
    )
    model = compressible(model, initial_log_step=-3.0, alpha=0.1, step_rate=2.5, **options)
    model.compile(keras.optimizers.Adam(5e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize("rate", ["power_law", "code_length"])
def test_the_cost_goes_with_the_bytes_of_the_file(rate):
    """Over a run, correlation of at least .97; a code length is within 2 % of the payload when it has been renewed."""
    model = classifier(penalty_weight=3.0, rate=rate)
    costs, sizes = [], []
    for _ in range(12):
        model.fit(*digits(), batch_size=64, verbose=0)
        costs.append(model.cost())
        sizes.append(wcodec.encode(model, coder="mixing").nbytes)
    assert np.corrcoef(costs, sizes)[0, 1] >= 0.97
    assert sizes[-1] < 0.6 * sizes[0]
    if rate == "code_length":
        model.refresh_prices()
        payload = wcodec.encode(model, coder="mixing").payload_nbytes
        codes = [step.codes() for weight, _ in model.latent_weights() for step in weight.steps.values()]
        steps = len(CODERS["mixing"].encode([np.diff(np.array(codes), prepend=0).astype(np.int32)]))
        assert abs(model.cost(rounded=True) / 8 + steps - payload) <= 0.02 * payload


def test_a_logistic_prior_learns_its_scale():
    model = classifier(penalty_weight=1.0, rate="logistic")
    before = model.cost()
    model.fit(*digits(), batch_size=64, epochs=3, verbose=0)
    scales = [number(scale) for weight, _ in model.latent_weights() for scale in weight.scales.values()]
    assert len(scales) == 4
    assert max(map(abs, scales)) > 0.1
    assert model.cost() < before


def test_a_rate_that_there_is_not():
    with pytest.raises(OptionError, match="power_law, code_length, logistic"):
        classifier(penalty_weight=1.0, rate="entropy")
