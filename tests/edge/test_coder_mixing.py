"""mixing: literal payloads, golden sizes on real weights, hostile payloads, agreement of the kernels."""

import math

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS, ArraySpec, reference
from wcodec.coders.mixing import view_of
from wcodec.errors import PayloadError, SymbolError

CODER = CODERS["mixing"]

# Bytes of all tensors of a file, each a payload of its own, and of all in one payload. A change is a change of format.
GOLDEN = {
    "lenet300100_z30": (79_877, 79_932),
    "lenet300100_z60": (41_920, 41_942),
    "lenet300100_z90": (14_601, 14_610),
    "lenet300100_z97": (5_553, 5_576),
    "resnet20_z30": (80_825, 80_632),
    "resnet20_z60": (44_519, 44_361),
    "resnet20_z90": (16_638, 16_566),
    "resnet56_z30": (259_356, 257_881),
    "resnet56_z60": (140_820, 140_005),
    "resnet56_z90": (50_560, 50_201),
    "rwkv5v2_z60": (128_722, 128_302),
    "silero_z60": (44_111, 44_184),
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
    assert view_of(()) == (1, 1, 1, 1)
    assert view_of((7,)) == (1, 7, 1, 1)
    assert view_of((0,)) == (1, 0, 1, 1)
    assert view_of((10, 100)) == (10, 100, 1, 1)
    assert view_of((64, 3, 5)) == (64, 3, 1, 5)
    assert view_of((64, 3, 5, 7)) == (64, 3, 5, 7)
    assert view_of((64, 3, 2, 5, 7)) == (64, 3, 10, 7)


LITERALS = [
    ([], ""),
    ([[]], ""),
    ([np.zeros((4, 4))], ""),
    ([1], "a2"),
    ([-7], "fff1"),
    ([2**31 - 1], "d0cefffefff5af0ffe3b"),
    ([-(2**31) + 1], "fffffffefff5af0ffe3b"),
    ([[[1, -1], [0, 2]]], "c325"),
    ([[[[[1, 2], [-3, 0]]]], [0, 0, 1], 9], "c0f43442c5"),
    ([np.arange(-8, 8).reshape(2, 2, 2, 2)], "fffa20f5543dd1ab695a"),
    (
        [np.arange(-30000, 30000, 5000).reshape(2, 2, 3)],
        "fffffff2ef70123d69a9763e6d9c497c9186d9ad80f2f569f61d0f5fc819adb15031c39c648bc52b28",
    ),
]


@pytest.mark.parametrize(("arrays", "code"), LITERALS)
def test_literal_payloads(kernel, arrays, code):
    arrays = [np.array(array, np.int32) for array in arrays]
    views = [view_of(array.shape) for array in arrays]
    assert kernel.mixing_encode(flat(arrays), views).hex() == code
    out = np.empty(sum(array.size for array in arrays), np.int32)
    kernel.mixing_decode(bytes.fromhex(code), views, out)
    assert out.tolist() == flat(arrays).tolist()


def test_kernels_agree_and_round_trip():
    rng = np.random.default_rng(4)
    for _ in range(80):
        arrays = random_arrays(rng)
        payload = CODER.encode(arrays)
        views = [view_of(array.shape) for array in arrays]
        assert reference.mixing_encode(flat(arrays), views) == payload
        out = np.empty_like(flat(arrays))
        reference.mixing_decode(payload, views, out)
        assert (out == flat(arrays)).all()
        decoded = CODER.decode(payload, specs_of(arrays))
        assert all((a == b).all() and a.shape == b.shape for a, b in zip(arrays, decoded, strict=True))


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
    good = kernel.mixing_encode(rng.integers(-2, 3, sum(map(math.prod, shapes))).astype(np.int32), views)
    accepted = 0
    for _ in range(300):
        payload = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            payload[rng.integers(len(payload))] ^= 1 << rng.integers(8)
        payload = bytes(payload[: rng.integers(len(payload) - 2, len(payload) + 1)])
        out = np.empty(sum(map(math.prod, shapes)), np.int32)
        try:
            kernel.mixing_decode(payload, views, out)
        except PayloadError:
            continue
        accepted += 1
        assert kernel.mixing_encode(out, views) == payload
    assert accepted < 100


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b"\0", "more symbols"),  # a zero byte that the encoder leaves out
        (b"\1\0", "more symbols"),
        (b"\1" * 90, "more symbols"),
        (b"\xff" * 4, "no encoder"),
        (b"\xff" * 30, "no encoder"),  # an escape beyond 2**31 - 1
    ],
)
def test_hostile_payloads(kernel, payload, rule):
    with pytest.raises(PayloadError, match=rule):
        kernel.mixing_decode(payload, [view_of((4, 4))], np.empty(16, np.int32))


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


def test_no_symbol_is_changed_in_silence(kernel):
    with pytest.raises(SymbolError):
        kernel.mixing_encode(np.array([-(2**31)], np.int32), [view_of((1,))])


@pytest.mark.parametrize("views", [[(1, 2, 1, 1)], [], [(2**32, 2**32, 1, 1)], [(2**63, 4, 0, 1)]])
def test_views_must_agree_with_the_buffer(views):
    with pytest.raises(ValueError, match="range"):
        native.mixing_encode(np.zeros(1, np.int32), views)
    with pytest.raises(ValueError, match="range"):
        native.mixing_decode(b"", views, np.zeros(1, np.int32))
