"""context: its views, wide rows and early ends; test_coder_adaptive.py has what it shares with mixing."""

import numpy as np
import pytest

from wcodec.coders import CODERS, ArraySpec, reference
from wcodec.coders.context import view_of
from wcodec.errors import PayloadError

CODER = CODERS["context"]


def specs_of(arrays):
    return [ArraySpec(array.shape, array.dtype) for array in arrays]


def test_views():
    assert view_of(()) == (1, 1, 1, 1, 0)
    assert view_of((7,)) == (1, 7, 1, 1, 0)
    assert view_of((0,)) == (1, 0, 1, 1, 0)
    assert view_of((10, 100)) == (10, 100, 1, 1, 1)
    assert view_of((64, 3, 5)) == (64, 3, 1, 5, 1)
    assert view_of((64, 3, 5, 7)) == (64, 3, 5, 7, 1)
    assert view_of((64, 3, 2, 5, 7)) == (64, 3, 10, 7, 1)


def test_kernels_agree_on_a_row_wider_than_the_column_table():
    rng = np.random.default_rng(5)
    array = rng.poisson(0.02, (2, 66_000)).astype(np.int32)
    payload = CODER.encode([array])
    assert reference.context_encode(array.reshape(-1), [view_of(array.shape)]) == payload
    assert (CODER.decode(payload, specs_of([array]))[0] == array).all()


def test_an_early_end_is_noticed_before_the_last_row(kernel):
    """Time is bounded by the payload where the view has many rows, not by the size that the view declares."""
    payload = CODER.encode([np.full((100, 4), 1000, np.int32)])
    with pytest.raises(PayloadError, match="ends"):
        kernel.context_decode(payload[: len(payload) // 2], [view_of((100, 4))], np.empty(400, np.int32))
