"""After training: fewer bits for no more loss than they are worth."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.errors import OptionError  # noqa: E402
from wcodec.recipe.refine import gradients  # noqa: E402
from wcodec.train import compressible, refine  # noqa: E402

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(scope="module")
def trained():
    from sklearn.datasets import load_digits

    keras.utils.set_random_seed(2)
    pixels, labels = load_digits(return_X_y=True)
    x = (pixels / 16).astype(np.float32)
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((64,)), layers.Dense(20, activation="relu", name="a"), layers.Dense(10, name="b")]
    )
    model = compressible(model, 0.0, initial_log_step=-2.0)
    model.compile(keras.optimizers.Adam(5e-3), LOSS)
    model.fit(x, labels, batch_size=64, epochs=8, verbose=0)
    return model, x, labels


def latents(model):
    return [np.array(keras.ops.convert_to_numpy(v)) for w, _ in model.latent_weights() for v in w.latents.values()]


def test_bits_fall_for_what_they_are_worth(trained):
    model, x, y = trained
    found = refine(model, x, y, LOSS, exchange=1e-5, evaluations=12, block=32)
    (loss, after), (nbits, fewer) = found.loss, found.nbits
    assert found.moved >= 32
    assert fewer < nbits
    assert after + 1e-5 * fewer < loss + 1e-5 * nbits
    outputs = model.predict(x, verbose=0)
    assert float(np.mean(LOSS(y, outputs))) == pytest.approx(after, rel=1e-4)


def test_nothing_moves_where_bits_are_worth_nothing_and_loss_would_rise(trained):
    model, x, y = trained
    before = latents(model)
    found = refine(model, x, y, LOSS, exchange=-1.0, evaluations=3)
    assert (found.moved, found.nbits[0]) == (0, found.nbits[1])
    assert all(np.array_equal(a, b) for a, b in zip(before, latents(model), strict=True))


def test_the_gradient_over_batches_is_that_of_the_mean_loss(trained):
    """Of the output bias, where it is known: mean of softmax minus labels; 2,000 inputs in two batches."""
    model, x, y = trained
    x, y = x[:1500], y[:1500]
    before = latents(model)
    found = gradients(model, np.concatenate([x, x[:500]]), np.concatenate([y, y[:500]]), LOSS)
    logits = model.predict(np.concatenate([x, x[:500]]), verbose=0).astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = (shares - np.eye(10)[np.concatenate([y, y[:500]])]).mean(axis=0)
    np.testing.assert_allclose(found["b/bias", "weight"], expected, atol=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(before, latents(model), strict=True))


def test_options(trained):
    with pytest.raises(OptionError, match="at least 1"):
        refine(*trained, LOSS, block=0)
