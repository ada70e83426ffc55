"""Rounding with error feedback: the worked example, plain rounding as its special case, both kernels."""

import numpy as np
import pytest

import wcodec._posttrain as native
from wcodec.errors import NonFiniteError, SymbolError
from wcodec.posttrain import reference
from wcodec.posttrain.obs import damped, feedback_of, round_rows, target
from wcodec.quantize import step_values, to_symbols

KERNELS = pytest.mark.parametrize("kernel", [native, reference], ids=["native", "reference"])

# docs/notes/posttrain.md, "Three weights by hand"
MOMENTS = np.array([[1.5, 0.75, 0.5], [0.75, 1.25, 0.5], [0.5, 0.5, 1.0]])
FACTOR = np.array([[1.0, 0.5, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])


def cost(errors, moments):
    return float(np.einsum("ri,ij,rj->", errors, moments, errors))


def correlated(rng, n, samples=500):
    x = np.maximum(rng.normal(size=(samples, n)) @ rng.normal(size=(n, n)), 0)
    return x.T @ x / samples


@KERNELS
def test_three_weights_by_hand(kernel):
    np.testing.assert_allclose(feedback_of(MOMENTS), FACTOR, atol=1e-15)
    out = np.empty((1, 3), np.int32)
    kernel.round_with_feedback(np.array([[0.4, 0.4, 0.4]]), FACTOR, np.array([1.0]), out)
    assert out.tolist() == [[0, 1, 0]]
    assert cost(0.4 - out, MOMENTS) == pytest.approx(0.41)
    assert cost(np.full((1, 3), 0.4), MOMENTS) == pytest.approx(1.16)  # plain rounding: all zero


@pytest.mark.parametrize("diagonal", [np.ones(40), np.geomspace(1e-9, 1e6, 40)], ids=["identity", "diagonal"])
@pytest.mark.parametrize("damping", [0.0, 0.01, 10.0])
def test_uncorrelated_inputs_give_plain_rounding_to_the_bit(diagonal, damping):
    code = 301  # no power of two
    weights = np.random.default_rng(1).normal(size=(30, 40)).astype(np.float32)
    weights[0, :8] = np.float32(step_values(code)) * np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.0, -0.0], np.float32)
    symbols = round_rows(weights, float(step_values(code)), feedback_of(damped(np.diag(diagonal), damping)))
    assert symbols.dtype == np.int32
    assert np.array_equal(symbols, to_symbols(weights, code))


def test_the_kernels_agree():
    rng = np.random.default_rng(2)
    feedback = feedback_of(damped(correlated(rng, 70), 0.01))
    weights, steps = rng.normal(size=(20, 70)), rng.uniform(0.05, 0.3, 20)
    symbols = [np.empty((20, 70), np.int32) for _ in range(2)]
    native.round_with_feedback(weights, feedback, steps, symbols[0])
    reference.round_with_feedback(weights, feedback, steps, symbols[1])
    assert np.array_equal(*symbols)
    assert np.abs(symbols[0]).max() > 3


def test_feedback_pays_on_correlated_inputs():
    rng = np.random.default_rng(3)
    moments = damped(correlated(rng, 50), 0.01)
    weights = rng.normal(size=(64, 50))
    symbols = round_rows(weights, 0.5, feedback_of(moments))
    plain = np.rint(weights / 0.5)
    assert cost(weights - 0.5 * symbols, moments) < 0.6 * cost(weights - 0.5 * plain, moments)


def test_every_square_is_within_half_a_step():
    """The cost splits into one square a column, R_cc^2 times an error of at most half a step."""
    rng = np.random.default_rng(4)
    moments = damped(correlated(rng, 30), 0.01)
    upper = np.linalg.cholesky(moments[::-1, ::-1])[::-1, ::-1]
    np.testing.assert_allclose(upper @ upper.T, moments, rtol=1e-10)
    weights = rng.normal(size=(16, 30))
    errors = weights - 0.25 * round_rows(weights, 0.25, feedback_of(moments))
    assert np.all(np.abs(errors @ upper) <= 0.125 * np.diag(upper) * (1 + 1e-9))
    assert cost(errors, moments) == pytest.approx(float(np.square(errors @ upper).sum()))


def test_dead_inputs_are_rounded_plainly():
    rng = np.random.default_rng(5)
    moments = correlated(rng, 12)
    moments[:, [3, 7]] = moments[[3, 7], :] = 0
    weights = rng.normal(size=(9, 12))
    symbols = round_rows(weights, 0.25, feedback_of(damped(moments, 0.01)))
    assert np.array_equal(symbols[:, [3, 7]], np.rint(weights[:, [3, 7]] / 0.25))
    assert np.array_equal(damped(np.zeros((4, 4)), 0.01), np.eye(4))


def test_symbols_of_a_row_depend_on_that_row_alone():
    rng = np.random.default_rng(6)
    feedback = feedback_of(damped(correlated(rng, 25), 0.01))
    weights = rng.normal(size=(8, 25))
    whole = round_rows(weights, 0.1, feedback)
    for row in range(8):
        assert np.array_equal(round_rows(weights[row : row + 1], 0.1, feedback), whole[row : row + 1])


@KERNELS
def test_a_step_too_small_for_int32(kernel):
    out = np.empty((1, 2), np.int32)
    with pytest.raises(SymbolError):
        kernel.round_with_feedback(np.array([[1.0, 3.0]]), np.eye(2), np.array([1e-9]), out)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_numbers_are_refused(bad):
    with pytest.raises(NonFiniteError, match="NaN or infinity"):
        round_rows(np.array([[1.0, bad]]), 1.0, np.eye(2))
    with pytest.raises(NonFiniteError, match="second moments"):
        damped(np.array([[1.0, bad], [bad, 1.0]]), 0.01)


def test_moments_that_are_not_positive_definite():
    with pytest.raises(NonFiniteError, match="more damping"):
        feedback_of(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_target_reproduces_the_float_output_from_other_inputs():
    """Inputs x' = A x with A invertible: the weights W A^-1 give the float output exactly."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(5, 400))
    a = np.eye(5) + 0.2 * rng.normal(size=(5, 5))
    seen, weights = a @ x, rng.normal(size=(3, 5))
    aimed = target(weights, seen @ seen.T / 400, x @ seen.T / 400, 1e-12)
    np.testing.assert_allclose(aimed, weights @ np.linalg.inv(a), atol=1e-8)


def test_target_without_a_difference_is_the_weight_itself():
    moments = correlated(np.random.default_rng(8), 6)
    weights = np.arange(12.0).reshape(2, 6)
    assert np.array_equal(target(weights, moments, moments, 0.01), weights)
