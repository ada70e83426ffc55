"""Axis orders and element types by their numbers."""

import numpy as np
import pytest

from wcodec.dtypes import DTYPES, dtype_of, is_float, number_of
from wcodec.errors import RecordError, UnknownDtypeError, UnsupportedTypeError
from wcodec.scans import SCANS, from_scan, scan_name, scanned_shape, to_scan

# scan, shape, the row-major elements in the order of the scan
LITERALS = [
    ("as_is", (2, 3), [0, 1, 2, 3, 4, 5]),
    ("out_first", (2, 3), [0, 3, 1, 4, 2, 5]),
    ("out_first", (3,), [0, 1, 2]),
    ("out_first", (2, 1, 2), [0, 2, 1, 3]),
    ("out_first", (2, 2, 2), [0, 4, 2, 6, 1, 5, 3, 7]),
    ("in_first", (2, 3), [0, 1, 2, 3, 4, 5]),
    ("in_first", (2, 2, 2), [0, 4, 1, 5, 2, 6, 3, 7]),
    ("last_first", (2, 3), [0, 3, 1, 4, 2, 5]),
    ("last_first", (2, 2, 2), [0, 2, 4, 6, 1, 3, 5, 7]),
    ("last_first", (), [0]),
    ("out_first", (), [0]),
    ("in_first", (0, 3, 2), []),
]


@pytest.mark.parametrize(("scan", "shape", "elements"), LITERALS)
def test_literal_scans(scan, shape, elements):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    seen = to_scan(array, scan)
    assert seen.ravel().tolist() == elements
    assert seen.flags.c_contiguous
    assert seen.shape == scanned_shape(shape, scan)
    assert from_scan(seen, scan).tolist() == array.tolist()
    assert from_scan(seen, scan).shape == shape


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("rank", range(7))
def test_every_scan_comes_back(scan, rank):
    array = np.arange(720 // (7 - rank) if rank == 1 else np.prod((2, 3, 1, 4, 2, 2)[:rank], dtype=int))
    array = array.reshape((2, 3, 1, 4, 2, 2)[:rank] if rank != 1 else (-1,))
    assert np.array_equal(from_scan(to_scan(array, scan), scan), array)


def test_convolution_kernels_are_seen_as_out_in_kernel():
    assert scanned_shape((5, 4, 3, 20), "out_first") == (20, 3, 5, 4)
    assert scanned_shape((5, 4, 3, 2), "in_first") == (3, 2, 5, 4)
    assert scanned_shape((64, 8, 16), "last_first") == (16, 64, 8)


def test_unknown_numbers():
    assert [scan_name(n) for n in range(4)] == ["as_is", "out_first", "in_first", "last_first"]
    with pytest.raises(RecordError, match="no scan has number 4"):
        scan_name(4)
    with pytest.raises(UnknownDtypeError, match="no dtype has number 15"):
        dtype_of(15)


@pytest.mark.parametrize(("name", "number"), DTYPES.items())
def test_dtypes_have_their_numbers(name, number):
    assert dtype_of(number).name == name
    assert number_of(dtype_of(number)) == number
    assert is_float(dtype_of(number)) == ("float" in name)


@pytest.mark.parametrize("dtype", ["c8", "O", "U3", "S3", "M8[s]", "m8[s]", "V4", "g"])
def test_other_dtypes_are_refused(dtype):
    if np.dtype(dtype).name == "float64":
        pytest.skip("long double is float64 here")
    with pytest.raises(UnsupportedTypeError, match="is not one of float32"):
        number_of(np.dtype(dtype))
