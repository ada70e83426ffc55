"""context: literal payloads, golden sizes on real weights, hostile payloads, agreement of the kernels."""

import math

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS, ArraySpec, reference
from wcodec.coders.context import view_of
from wcodec.errors import PayloadError, SymbolError

CODER = CODERS["context"]

# Bytes of all tensors of a file, each a payload of its own, and of all in one payload. A change is a change of format.
GOLDEN = {
    "lenet300100_z30": (82_317, 82_429),
    "lenet300100_z60": (43_430, 43_577),
    "lenet300100_z90": (15_097, 15_151),
    "resnet20_z30": (83_583, 83_715),
    "resnet20_z60": (45_611, 45_623),
    "resnet20_z90": (16_892, 16_885),
    "resnet56_z30": (269_251, 269_080),
    "resnet56_z60": (145_105, 144_846),
    "resnet56_z90": (51_613, 51_450),
}


def specs_of(arrays):
    return [ArraySpec(array.shape, array.dtype) for array in arrays]


def random_arrays(rng):
    arrays = []
    for _ in range(rng.integers(0, 4)):
        shape = tuple(rng.integers(rng.random() < 0.9, 7, rng.integers(0, 6)))
        scale = rng.choice([0.2, 1.0, 5.0, 1e3, 2.0**29])
        arrays.append(np.clip(rng.laplace(0, scale, shape), -(2**31) + 1, 2**31 - 1).astype(np.int32))
    return arrays


def flat(arrays):
    return np.concatenate([np.empty(0, np.int32), *(array.reshape(-1) for array in arrays)])


def test_views():
    assert view_of(()) == (1, 1, 1, 1, 0)
    assert view_of((7,)) == (1, 7, 1, 1, 0)
    assert view_of((0,)) == (1, 0, 1, 1, 0)
    assert view_of((10, 100)) == (10, 100, 1, 1, 1)
    assert view_of((64, 3, 5)) == (64, 3, 1, 5, 1)
    assert view_of((64, 3, 5, 7)) == (64, 3, 5, 7, 1)
    assert view_of((64, 3, 2, 5, 7)) == (64, 3, 10, 7, 1)


LITERALS = [
    ([], ""),
    ([[]], ""),
    ([np.zeros((4, 4))], ""),
    ([1], "d5"),
    ([-7], "f9"),
    ([2**31 - 1], "ea5ffffefffffffffffffffffda1"),
    ([-(2**31) + 1], "fffffffefffffffffffffffffda1"),
    ([[[1, -1], [0, 2]]], "f1a03a"),
    ([[[[[1, 2], [-3, 0]]]], [0, 0, 1], 9], "f113d6c0e8"),
    ([np.arange(-8, 8).reshape(2, 2, 2, 2)], "fffa921dedb29a763ddd49"),
]


@pytest.mark.parametrize(("arrays", "code"), LITERALS)
def test_literal_payloads(kernel, arrays, code):
    arrays = [np.array(array, np.int32) for array in arrays]
    views = [view_of(array.shape) for array in arrays]
    assert kernel.context_encode(flat(arrays), views).hex() == code
    out = np.empty(sum(array.size for array in arrays), np.int32)
    kernel.context_decode(bytes.fromhex(code), views, out)
    assert out.tolist() == flat(arrays).tolist()


def test_kernels_agree_and_round_trip():
    rng = np.random.default_rng(4)
    for _ in range(80):
        arrays = random_arrays(rng)
        payload = CODER.encode(arrays)
        views = [view_of(array.shape) for array in arrays]
        assert reference.context_encode(flat(arrays), views) == payload
        out = np.empty_like(flat(arrays))
        reference.context_decode(payload, views, out)
        assert (out == flat(arrays)).all()
        decoded = CODER.decode(payload, specs_of(arrays))
        assert all((a == b).all() and a.shape == b.shape for a, b in zip(arrays, decoded, strict=True))


def test_kernels_agree_on_a_row_wider_than_the_column_table():
    rng = np.random.default_rng(5)
    array = rng.poisson(0.02, (2, 66_000)).astype(np.int32)
    payload = CODER.encode([array])
    assert reference.context_encode(array.reshape(-1), [view_of(array.shape)]) == payload
    assert (CODER.decode(payload, specs_of([array]))[0] == array).all()


def test_dtypes_come_back():
    arrays = [np.array([[1, 0], [0, 1]], bool), np.array([-3, 200], np.int64), np.array(5, np.uint16)]
    decoded = CODER.decode(CODER.encode(arrays), specs_of(arrays))
    assert [(a.tolist(), a.dtype) for a in decoded] == [(a.tolist(), a.dtype) for a in arrays]


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_sizes_on_real_weights(data, name):
    with np.load(data / "ints" / f"{name}.npz") as archive:
        arrays = [archive[key] for key in archive.files]
    payloads = [CODER.encode([array]) for array in arrays]
    assert (sum(map(len, payloads)), len(CODER.encode(arrays))) == GOLDEN[name]
    for array, payload in zip(arrays, payloads, strict=True):
        assert (CODER.decode(payload, specs_of([array]))[0] == array).all()


def test_only_what_the_encoder_writes_is_accepted(kernel):
    """Whatever bytes decode at all are the very bytes that their symbols encode to."""
    rng = np.random.default_rng(6)
    shapes = [(3, 4), (2, 2, 3, 3), (5,), ()]
    views = [view_of(shape) for shape in shapes]
    good = kernel.context_encode(rng.integers(-2, 3, sum(map(math.prod, shapes))).astype(np.int32), views)
    accepted = 0
    for _ in range(300):
        payload = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            payload[rng.integers(len(payload))] ^= 1 << rng.integers(8)
        payload = bytes(payload[: rng.integers(len(payload) - 2, len(payload) + 1)])
        out = np.empty(sum(map(math.prod, shapes)), np.int32)
        try:
            kernel.context_decode(payload, views, out)
        except PayloadError:
            continue
        accepted += 1
        assert kernel.context_encode(out, views) == payload
    assert accepted < 100


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"\0", "more symbols"),  # a zero byte that the encoder leaves out
        (b"\1\0", "more symbols"),
        (b"\1" * 90, "more symbols"),
        (b"\xff" * 4, "no encoder"),
        (b"\xff" * 10, "ends"),
        (b"\xff" * 30, "no encoder"),  # an escape beyond 2**31 - 1
    ],
)
def test_hostile_payloads(kernel, payload, rule):
    with pytest.raises(PayloadError, match=rule):
        kernel.context_decode(payload, [view_of((4, 4))], np.empty(16, np.int32))


def test_an_early_end_is_noticed_before_the_last_row(kernel):
    """Time is bounded by the payload where the view has many rows, not by the size that the view declares."""
    payload = CODER.encode([np.full((100, 4), 1000, np.int32)])
    with pytest.raises(PayloadError, match="ends"):
        kernel.context_decode(payload[: len(payload) // 2], [view_of((100, 4))], np.empty(400, np.int32))


def test_no_symbol_is_changed_in_silence(kernel):
    with pytest.raises(SymbolError):
        kernel.context_encode(np.array([-(2**31)], np.int32), [view_of((1,))])


@pytest.mark.parametrize(
    "views", [[(1, 2, 1, 1, 1)], [(1, 1, 1, 1, 2)], [], [(2**32, 2**32, 1, 1, 1)], [(2**63, 4, 0, 1, 1)]]
)
def test_views_must_agree_with_the_buffer(views):
    with pytest.raises(ValueError, match="range"):
        native.context_encode(np.zeros(1, np.int32), views)
    with pytest.raises(ValueError, match="range"):
        native.context_decode(b"", views, np.zeros(1, np.int32))
