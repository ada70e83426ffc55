"""One math for training and decoding: every kind rebuilds the same weight on numpy and on keras.ops, with gradients."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")


def tensors(factors):
    return {name: keras.ops.convert_to_tensor(value) for name, value in factors.items()}


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def test_reconstruct_and_apply_agree_with_numpy(any_kind):
    weight = np.random.default_rng(0).normal(size=any_kind.shape).astype(np.float32)
    factors = any_kind.fit(weight)
    expected = any_kind.reconstruct(factors)
    rebuilt = any_kind.reconstruct(tensors(factors), keras.ops)
    assert keras.backend.standardize_dtype(rebuilt.dtype) == "float32"
    assert np.abs(numbers(rebuilt) - expected).max() < 2e-5
    x = np.random.default_rng(1).normal(size=(4, weight.size // weight.shape[-1])).astype(np.float32)
    product = numbers(any_kind.apply(tensors(factors), keras.ops.convert_to_tensor(x), keras.ops))
    assert np.abs(product - any_kind.apply(factors, x)).max() < 5e-5


def test_every_kind_is_trained_through(any_kind):
    """One step towards a target lowers the loss, and moves no integer factor."""
    from wcodec.train.latents import LatentWeight

    weight = np.random.default_rng(0).normal(size=any_kind.shape).astype(np.float32)
    holder = keras.layers.Layer(dtype="float32")

    def add_variable(dtype="float32", **kwargs):
        return holder.add_weight(dtype=dtype, **kwargs)

    latent = LatentWeight(
        "w", any_kind, add_variable, initial_log_step=-6.0, step_rate=1.0, penalty_weight=0.0, alpha=0.01
    )
    latent.fit(weight)
    before = numbers(latent.effective())
    assert np.linalg.norm(before - any_kind.reconstruct(any_kind.fit(weight))) < 0.1 * np.linalg.norm(weight)
    assert np.array_equal(latent.decoded(), latent.decoded())
    assert np.abs(latent.decoded() - before).max() < 2e-5
