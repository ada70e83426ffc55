"""Factors get learned steps and the penalty: every kind trains as latents, alone and after the operator or pruning."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from wcodec.factorizations import Dictionary, KMeans, LowRank, TensorTrain  # noqa: E402
from wcodec.train import (  # noqa: E402
    AlphaSchedule,
    CompressionOperator,
    ConstantSparsity,
    compressible,
    prune_low_magnitude,
)

layers = keras.layers
KINDS = {
    "low_rank": lambda shape: LowRank(shape, 3),
    "tensor_train": lambda shape: TensorTrain.with_rank(shape, 4, modes=2),
    "dictionary": lambda shape: Dictionary(shape, 8, 2),
    "kmeans": lambda shape: KMeans(shape, 4),
}


def network():
    return keras.Sequential(
        [keras.Input((16,)), layers.Dense(24, activation="relu", name="hidden"), layers.Dense(3, name="out")]
    )


def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(64, 16)).astype("float32"), rng.integers(0, 3, 64)


def array(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


def trained(model, epochs=2):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    x, y = data()
    model.fit(x, y, batch_size=16, epochs=epochs, verbose=0)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_factors_train_on_as_latents_after_the_operator(kind):
    operator = CompressionOperator(network(), {"hidden/kernel": KINDS[kind]}, AlphaSchedule(1, 1, 0.5))
    trained(operator, 1)
    before = operator.factored_weights()["hidden/kernel"]
    wrapped = compressible(operator, penalty_weight=4.0)
    start = wrapped.factored_weights()["hidden/kernel"]
    assert start.factorization == before.factorization
    latents = wrapped.latent_weights()[0][0].latents
    for name, value in before.factors.items():  # the very factors, not a second fit
        np.testing.assert_array_equal(array(latents[name]), value)
    quantized = {n for n in before.factors if n not in before.factorization.integer_factors}
    assert set(start.step_codes) == quantized
    penalty = sum(float(array(loss)) for loss in wrapped.losses)
    trained(wrapped, 1)
    after = wrapped.factored_weights()["hidden/kernel"]
    assert penalty > 0
    assert all((after.step_codes[n] != start.step_codes[n]).any() for n in quantized)  # steps are learned
    report = wcodec.encode(wrapped)
    assert report.rows[0].kind == kind
    decoded = wcodec.decode(report.data)["hidden/kernel"]
    np.testing.assert_array_equal(decoded, array(wrapped.finalize().layers[0].kernel))


def test_masks_and_their_values_train_on_as_latents():
    pruned = prune_low_magnitude(network(), {"hidden/kernel": ConstantSparsity(0.75, 0)})
    pruned.start()
    mask = array(pruned.masked_weights()[0][0].mask)
    wrapped = trained(compressible(pruned, penalty_weight=1.0))
    decoded = wcodec.decode(wcodec.encode(wrapped).data)["hidden/kernel"]
    assert (decoded[~mask] == 0).all()
    assert wcodec.encode(wrapped).rows[0].kind == "sparse"


def test_a_pattern_of_the_users_goes_before_the_factors_that_are_there():
    operator = CompressionOperator(network(), {"hidden/kernel": KINDS["low_rank"]}, AlphaSchedule(1, 1, 1.0))
    operator.complete()
    wrapped = compressible(operator, factorizations={"hidden/kernel": lambda shape: LowRank(shape, 2)})
    assert wrapped.factored_weights()["hidden/kernel"].factorization.rank == 2
