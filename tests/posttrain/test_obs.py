"""Rounding with error feedback: the worked example, plain rounding as its special case, both kernels."""

import numpy as np
import pytest

import wcodec._posttrain as native
from wcodec.errors import NonFiniteError, SymbolError
from wcodec.posttrain import reference
from wcodec.posttrain.obs import Rounding, code_lengths, damped, factored, round_rows, search_rows, target
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
    np.testing.assert_allclose(factored(MOMENTS).feedback, FACTOR, atol=1e-15)
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
    symbols = round_rows(weights, float(step_values(code)), factored(damped(np.diag(diagonal), damping)).feedback)
    assert symbols.dtype == np.int32
    assert np.array_equal(symbols, to_symbols(weights, code))
    for paths in (1, 2, 8, 64):
        factor = factored(damped(np.diag(diagonal), damping))
        assert np.array_equal(search_rows(weights, float(step_values(code)), factor, Rounding(paths)), symbols)


def test_the_kernels_agree():
    rng = np.random.default_rng(2)
    feedback = factored(damped(correlated(rng, 70), 0.01)).feedback
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
    symbols = round_rows(weights, 0.5, factored(moments).feedback)
    plain = np.rint(weights / 0.5)
    assert cost(weights - 0.5 * symbols, moments) < 0.6 * cost(weights - 0.5 * plain, moments)


def test_every_square_is_within_half_a_step():
    """The cost splits into one square a column, R_cc^2 times an error of at most half a step."""
    rng = np.random.default_rng(4)
    moments = damped(correlated(rng, 30), 0.01)
    upper = np.linalg.cholesky(moments[::-1, ::-1])[::-1, ::-1]
    np.testing.assert_allclose(upper @ upper.T, moments, rtol=1e-10)
    weights = rng.normal(size=(16, 30))
    errors = weights - 0.25 * round_rows(weights, 0.25, factored(moments).feedback)
    assert np.all(np.abs(errors @ upper) <= 0.125 * np.diag(upper) * (1 + 1e-9))
    assert cost(errors, moments) == pytest.approx(float(np.square(errors @ upper).sum()))


def test_dead_inputs_are_rounded_plainly():
    rng = np.random.default_rng(5)
    moments = correlated(rng, 12)
    moments[:, [3, 7]] = moments[[3, 7], :] = 0
    weights = rng.normal(size=(9, 12))
    symbols = round_rows(weights, 0.25, factored(damped(moments, 0.01)).feedback)
    assert np.array_equal(symbols[:, [3, 7]], np.rint(weights[:, [3, 7]] / 0.25))
    assert np.array_equal(damped(np.zeros((4, 4)), 0.01), np.eye(4))


def test_symbols_of_a_row_depend_on_that_row_alone():
    rng = np.random.default_rng(6)
    feedback = factored(damped(correlated(rng, 25), 0.01)).feedback
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
        factored(np.array([[1.0, 2.0], [2.0, 1.0]]))


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


@KERNELS
def test_two_paths_by_hand(kernel):
    """H of R = [[1, .3, 0], [0, 1, .9], [0, 0, .2]]: the nearest first symbol leaves more than the second nearest."""
    upper = np.array([[1.0, 0.3, 0.0], [0.0, 1.0, 0.9], [0.0, 0.0, 0.2]])
    feedback, variances = upper / np.diag(upper), np.diag(upper) ** 2
    weights, found = np.array([[0.55, 0.45, 0.3]]), {}
    for paths in (1, 2):
        found[paths] = np.empty((1, 3), np.int32)
        kernel.search_with_feedback(weights, feedback, np.ones(1), variances, 0.0, np.ones(1), paths, found[paths])
    errors = {paths: float(np.square((weights - q) @ upper).sum()) for paths, q in found.items()}
    assert errors[2] <= errors[1]
    best = min(float(np.square((weights - np.array(q)) @ upper).sum()) for q in np.ndindex(3, 3, 3))
    assert errors[2] == pytest.approx(best)


def test_the_kernels_search_alike():
    rng = np.random.default_rng(9)
    factor = factored(damped(correlated(rng, 40), 0.01))
    weights, steps = rng.normal(size=(6, 40)), rng.uniform(0.3, 0.9, 6)
    bits = np.array([0.8, 2.5, 4.0, 6.0])
    for paths, rate in ((1, 0.1), (3, 0.0), (8, 0.05), (64, 0.0)):
        symbols = [np.empty((6, 40), np.int32) for _ in range(2)]
        for kernel, out in zip((native, reference), symbols, strict=True):
            kernel.search_with_feedback(weights, factor.feedback, steps, factor.variances, rate, bits, paths, out)
        assert np.array_equal(*symbols)


def test_more_paths_leave_less_error():
    rng = np.random.default_rng(10)
    moments = damped(correlated(rng, 50), 0.01)
    weights = rng.normal(size=(64, 50))
    left = [
        cost(weights - 0.5 * search_rows(weights, 0.5, factored(moments), Rounding(paths)), moments)
        for paths in (1, 8, 64)
    ]
    assert left[1] < 0.93 * left[0]
    assert left[2] < left[1]


def test_bits_that_cost_make_fewer_of_them():
    rng = np.random.default_rng(11)
    factor, weights = factored(damped(correlated(rng, 50), 0.01)), rng.normal(size=(64, 50))
    free, dear = (search_rows(weights, 1.0, factor, Rounding(4, rate)) for rate in (0.0, 0.1))
    lengths = code_lengths(free)
    spent = [lengths[np.minimum(np.abs(q), len(lengths) - 1)].sum() for q in (free, dear)]
    assert spent[1] < 0.98 * spent[0]


def test_code_lengths_are_those_of_the_histogram():
    lengths = code_lengths(np.array([0, 0, 0, 1, -1, 2, 0, 0]))
    np.testing.assert_allclose(lengths, [np.log2(9.5 / 5.5), 1 + np.log2(9.5 / 2.5), 1 + np.log2(9.5 / 1.5)])


@KERNELS
def test_a_search_with_a_step_too_small(kernel):
    out = np.empty((1, 2), np.int32)
    with pytest.raises(SymbolError):
        kernel.search_with_feedback(
            np.array([[1.0, 3.0]]), np.eye(2), np.array([1e-10]), np.ones(2), 0.0, np.ones(1), 4, out
        )


def test_a_search_of_shapes_that_do_not_fit():
    out = np.empty((1, 2), np.int32)
    for paths, bits in ((0, np.ones(1)), (65, np.ones(1)), (4, np.ones(0))):
        with pytest.raises(ValueError, match="paths"):
            native.search_with_feedback(np.ones((1, 2)), np.eye(2), np.ones(1), np.ones(2), 0.0, bits, paths, out)


def test_target_undoes_what_will_be_added():
    """An error r = A x' that will be added to the output is subtracted from the weights where nothing damps."""
    rng = np.random.default_rng(12)
    x, added = rng.normal(size=(5, 400)), rng.normal(size=(3, 5))
    moments = x @ x.T / 400
    weights = rng.normal(size=(3, 5))
    aimed = target(weights, moments, moments, 1e-12, added @ x @ x.T / 400)
    np.testing.assert_allclose(aimed, weights + added, atol=1e-8)
