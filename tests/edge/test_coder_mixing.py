"""mixing: its views, its costs and its bounds; test_coder_adaptive.py has what it shares with context."""

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS, ArraySpec, reference
from wcodec.coders.mixing import view_of
from wcodec.errors import PayloadError

CODER = CODERS["mixing"]


def specs_of(arrays):
    return [ArraySpec(array.shape, array.dtype) for array in arrays]


def flat(arrays):
    return np.concatenate([np.empty(0, np.int32), *(array.reshape(-1) for array in arrays)])


def test_views():
    assert view_of(()) == (1, 1, 1, 1)
    assert view_of((7,)) == (1, 7, 1, 1)
    assert view_of((0,)) == (1, 0, 1, 1)
    assert view_of((10, 100)) == (10, 100, 1, 1)
    assert view_of((64, 3, 5)) == (64, 3, 1, 5)
    assert view_of((64, 3, 5, 7)) == (64, 3, 5, 7)
    assert view_of((64, 3, 2, 5, 7)) == (64, 3, 10, 7)


def test_kernels_agree_on_wide_rows_and_large_kernels():
    rng = np.random.default_rng(5)
    for shape in ((2, 3000), (2, 2, 1, 300), (2, 1, 20, 20)):
        array = rng.poisson(0.3, shape).astype(np.int32)
        payload = CODER.encode([array])
        assert reference.mixing_encode(array.reshape(-1), [view_of(array.shape)]) == payload
        assert (CODER.decode(payload, specs_of([array]))[0] == array).all()


def test_cost_is_the_size_of_the_payload():
    rng = np.random.default_rng(7)
    for scale in (0.1, 1.0, 300.0):
        arrays = [np.rint(rng.laplace(0, scale, (40, 5, 3, 3))).astype(np.int32), np.arange(40, dtype=np.int32)]
        assert abs(CODER.cost(arrays) / 8 - len(CODER.encode(arrays))) < 0.005 * len(CODER.encode(arrays)) + 4
        views = [view_of(array.shape) for array in arrays]
        assert reference.mixing_cost(flat(arrays), views) == native.mixing_cost(flat(arrays), views)


def test_what_surrounds_a_symbol_lowers_its_cost():
    """Rows of one scale, and kernels that are smooth, cost less than the same symbols in any order."""
    rng = np.random.default_rng(8)
    scales = np.where(np.arange(64) % 2, 0.2, 5.0)[:, None]
    by_row = np.rint(rng.laplace(0, 1, (64, 256)) * scales).astype(np.int32)
    smooth = np.rint(rng.normal(0, 2, (32, 32, 1, 1)) + rng.normal(0, 0.5, (32, 32, 3, 3))).astype(np.int32)
    for array in (by_row, smooth):
        shuffled = rng.permutation(array.reshape(-1)).reshape(array.shape)
        assert CODER.cost([array]) < 0.9 * CODER.cost([shuffled])


def test_an_early_end_is_noticed_at_once(kernel):
    """Time is bounded by the payload, not by the size that the view declares: rows of any width."""
    for shape in ((100, 4), (1, 400)):
        payload = CODER.encode([np.full(shape, 1000, np.int32)])
        out = np.zeros(400, np.int32)
        with pytest.raises(PayloadError, match="ends"):
            kernel.mixing_decode(payload[: len(payload) // 2], [view_of(shape)], out)
        assert out[300] == 0


def test_a_payload_holds_a_bounded_number_of_symbols(kernel):
    assert [kernel.mixing_most_symbols(size) for size in (0, 1, 1000)] == [242_368, 259_680, 17_554_368]
    zeros = np.zeros(200_000, np.int32)
    payload = kernel.mixing_encode(zeros, [(1, zeros.size, 1, 1)]) if kernel is native else b""
    assert len(payload) < 60
    with pytest.raises(PayloadError, match="ends"):
        CODER.decode(b"", [ArraySpec((2**31, 2**20), np.dtype(np.int8))])
