"""Steps, symbols and values in exact numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wcodec.errors import NonFiniteError, StepCodeError, SymbolError
from wcodec.quantize import MAX_CODE, MAX_SYMBOL, MIN_CODE, from_symbols, step_code_at_most, step_values, to_symbols

ONE = 320


@pytest.mark.parametrize(
    ("code", "step"),
    [
        (0, 2.0**-20), (16, 2.0**-19), (-16, 2.0**-21), (ONE, 1.0), (ONE + 16, 2.0),
        (ONE + 8, float.fromhex("0x1.6a09e6p+0")), (ONE - 1, float.fromhex("0x1.ea4afap-1")),
        (-1, float.fromhex("0x1.ea4afap-21")), (-1680, 2.0**-125), (1855, float.fromhex("0x1.ea4afap+95")),
    ],
)  # fmt: skip
def test_step_values(code, step):
    value = step_values(code)
    assert value.dtype == np.float32
    assert float(value) == step


def test_steps_ascend_and_are_normal():
    steps = step_values(np.arange(MIN_CODE, MAX_CODE + 1))
    assert (np.diff(steps) > 0).all()
    assert steps[0] > np.finfo(np.float32).tiny
    assert np.isfinite(np.float32(MAX_SYMBOL) * steps[-1])
    ratios = steps[1:].astype(np.float64) / steps[:-1]
    assert np.abs(ratios - 2 ** (1 / 16)).max() < 2e-7


@pytest.mark.parametrize("code", [MIN_CODE - 1, MAX_CODE + 1, 2**31, -(2**31)])
def test_step_codes_out_of_range(code):
    with pytest.raises(StepCodeError):
        step_values(code)
    with pytest.raises(StepCodeError):
        step_values(np.array([0, code]))


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (1.0, ONE), (0.999, ONE - 1), (1.04, ONE), (1.05, ONE + 1), (0.0, MIN_CODE), (-1.0, MIN_CODE),
        (float("nan"), MIN_CODE), (1e-300, MIN_CODE), (1e300, MAX_CODE), (float("inf"), MAX_CODE),
        (2.0**-125, MIN_CODE),
    ],
)  # fmt: skip
def test_step_code_at_most(step, code):
    assert step_code_at_most(step) == code


@given(st.floats(min_value=2.0**-125, max_value=2.0**95))
def test_step_code_at_most_is_the_largest(step):
    code = step_code_at_most(step)
    assert float(step_values(code)) <= step < float(step_values(code + 1))


def test_ties_go_to_the_even_symbol():
    latent = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.4999, -0.5001], np.float32)
    assert to_symbols(latent, ONE).tolist() == [0, 2, 2, 0, -2, -2, 0, -1]


def test_symbols_reach_both_ends_of_int32_and_no_further():
    symbols = to_symbols(np.array([2.0**31 - 1, -(2.0**31) + 1]), ONE)
    assert symbols.dtype == np.int32
    assert symbols.tolist() == [MAX_SYMBOL, -MAX_SYMBOL]
    for beyond in (2.0**31, -(2.0**31), 1e300, -1e300):
        with pytest.raises(SymbolError, match="larger step"):
            to_symbols(np.array([0.0, beyond]), ONE)
    with pytest.raises(SymbolError):
        to_symbols(np.array([1e300]), MIN_CODE)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_non_finite_values_are_not_quantized(bad):
    with pytest.raises(NonFiniteError):
        to_symbols(np.array([1.0, bad], np.float32), ONE)


def test_values_are_one_float32_product():
    step = np.float32(float.fromhex("0x1.ea4afap-1"))
    symbols = np.array([3, -7, 2**24 + 1, MAX_SYMBOL], np.int32)
    values = from_symbols(symbols, ONE - 1)
    assert values.dtype == np.float32
    assert values.tolist() == [
        float(np.float32(3) * step), float(np.float32(-7) * step), float(np.float32(2**24) * step),
        float(np.float32(2**31) * step),
    ]  # fmt: skip
    assert values[0] == float.fromhex("0x1.6fb83cp+1")


def test_steps_broadcast():
    codes = np.array([[ONE], [ONE + 16]])
    latent = np.array([[1, 2, 3], [4, 6, 8]], np.float32)
    assert to_symbols(latent, codes).tolist() == [[1, 2, 3], [2, 3, 4]]
    assert from_symbols(to_symbols(latent, codes), codes).tolist() == latent.tolist()


def test_scalars_stay_arrays():
    assert from_symbols(np.int32(3), ONE).shape == ()
    assert to_symbols(np.float32(3), ONE).shape == ()
    assert to_symbols(np.zeros((0, 2), np.float32), ONE).shape == (0, 2)
