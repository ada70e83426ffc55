"""context and mixing, the adaptive coders: literal and hostile payloads, golden sizes, agreement of the kernels."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS, ArraySpec, context, mixing, reference
from wcodec.errors import PayloadError, SymbolError

VIEWS = {"context": context.view_of, "mixing": mixing.view_of}

# Bytes of all tensors of a file, each a payload of its own, and of all in one payload. A change is a change of format.
GOLDEN = {
    "context": {
        "lenet300100_z30": (82_317, 82_429),
        "lenet300100_z60": (43_430, 43_577),
        "lenet300100_z90": (15_097, 15_151),
        "resnet20_z30": (83_583, 83_715),
        "resnet20_z60": (45_611, 45_623),
        "resnet20_z90": (16_892, 16_885),
        "resnet56_z30": (269_251, 269_080),
        "resnet56_z60": (145_105, 144_846),
        "resnet56_z90": (51_613, 51_450),
    },
    "mixing": {
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
    },
}

LITERALS = {
    "context": [
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
    ],
    "mixing": [
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
    ],
}

HOSTILE = {
    "context": [
        (b"\0", "more symbols"),  # a zero byte that the encoder leaves out
        (b"\1\0", "more symbols"),
        (b"\1" * 90, "more symbols"),
        (b"\xff" * 4, "no encoder"),
        (b"\xff" * 10, "ends"),
        (b"\xff" * 30, "no encoder"),  # an escape beyond 2**31 - 1
    ],
    "mixing": [
        (b"\0", "more symbols"),  # a zero byte that the encoder leaves out
        (b"\1\0", "more symbols"),
        (b"\1" * 90, "more symbols"),
        (b"\xff" * 4, "no encoder"),
        (b"\xff" * 30, "no encoder"),  # an escape beyond 2**31 - 1
    ],
}

# Not of the size of the buffer, or of a size beyond 64 bits.
WRONG_VIEWS = {
    "context": [[(1, 2, 1, 1, 1)], [(1, 1, 1, 1, 2)], [], [(2**32, 2**32, 1, 1, 1)], [(2**63, 4, 0, 1, 1)]],
    "mixing": [[(1, 2, 1, 1)], [], [(2**32, 2**32, 1, 1)], [(2**63, 4, 0, 1)]],
}


def cases(tables: dict[str, Any]) -> list[tuple[str, Any]]:
    """(coder, case) for each case of each coder."""
    return [(name, case) for name, listed in tables.items() for case in listed]


class Binding(NamedTuple):
    """A coder of a kernel: flat int32 symbols and the views of their arrays <-> payload."""

    encode: Callable[[np.ndarray, list], bytes]
    decode: Callable[[bytes, list, np.ndarray], None]


def bound(kernel: ModuleType, name: str) -> Binding:
    return Binding(getattr(kernel, f"{name}_encode"), getattr(kernel, f"{name}_decode"))


def views_of(name: str, arrays: list) -> list:
    return [VIEWS[name](array.shape) for array in arrays]


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


@pytest.mark.parametrize(("name", "case"), cases(LITERALS))
def test_literal_payloads(kernel, name, case):
    arrays, code = [np.array(array, np.int32) for array in case[0]], case[1]
    coder, views = bound(kernel, name), views_of(name, arrays)
    assert coder.encode(flat(arrays), views).hex() == code
    out = np.empty(sum(array.size for array in arrays), np.int32)
    coder.decode(bytes.fromhex(code), views, out)
    assert out.tolist() == flat(arrays).tolist()


@pytest.mark.parametrize("name", VIEWS)
def test_kernels_agree_and_round_trip(name):
    rng = np.random.default_rng(4)
    for _ in range(80):
        arrays = random_arrays(rng)
        payload, views, slow = CODERS[name].encode(arrays), views_of(name, arrays), bound(reference, name)
        assert slow.encode(flat(arrays), views) == payload
        out = np.empty_like(flat(arrays))
        slow.decode(payload, views, out)
        assert (out == flat(arrays)).all()
        decoded = CODERS[name].decode(payload, specs_of(arrays))
        assert all((a == b).all() and a.shape == b.shape for a, b in zip(arrays, decoded, strict=True))


@pytest.mark.parametrize("name", VIEWS)
def test_dtypes_come_back(name):
    arrays = [np.array([[1, 0], [0, 1]], bool), np.array([-3, 200], np.int64), np.array(5, np.uint16)]
    decoded = CODERS[name].decode(CODERS[name].encode(arrays), specs_of(arrays))
    assert [(a.tolist(), a.dtype) for a in decoded] == [(a.tolist(), a.dtype) for a in arrays]


@pytest.mark.parametrize(("name", "file"), cases(GOLDEN))
def test_golden_sizes_on_real_weights(data, name, file):
    coder = CODERS[name]
    with np.load(data / "ints" / f"{file}.npz") as archive:
        arrays = [archive[key] for key in archive.files]
    payloads = [coder.encode([array]) for array in arrays]
    assert (sum(map(len, payloads)), len(coder.encode(arrays))) == GOLDEN[name][file]
    for array, payload in zip(arrays, payloads, strict=True):
        assert (coder.decode(payload, specs_of([array]))[0] == array).all()


@pytest.mark.parametrize("name", VIEWS)
def test_only_what_the_encoder_writes_is_accepted(kernel, name):
    """Whatever bytes decode at all are the very bytes that their symbols encode to."""
    rng = np.random.default_rng(6)
    shapes = [(3, 4), (2, 2, 3, 3), (5,), ()]
    coder, views = bound(kernel, name), [VIEWS[name](shape) for shape in shapes]
    good = coder.encode(rng.integers(-2, 3, sum(map(math.prod, shapes))).astype(np.int32), views)
    accepted = 0
    for _ in range(300):
        payload = bytearray(good)
        for _ in range(rng.integers(1, 4)):
            payload[rng.integers(len(payload))] ^= 1 << rng.integers(8)
        payload = bytes(payload[: rng.integers(len(payload) - 2, len(payload) + 1)])
        out = np.empty(sum(map(math.prod, shapes)), np.int32)
        try:
            coder.decode(payload, views, out)
        except PayloadError:
            continue
        accepted += 1
        assert coder.encode(out, views) == payload
    assert accepted < 100


@pytest.mark.parametrize(("name", "case"), cases(HOSTILE))
def test_hostile_payloads(kernel, name, case):
    payload, rule = case
    with pytest.raises(PayloadError, match=rule):
        bound(kernel, name).decode(payload, [VIEWS[name]((4, 4))], np.empty(16, np.int32))


@pytest.mark.parametrize("name", VIEWS)
def test_no_symbol_is_changed_in_silence(kernel, name):
    with pytest.raises(SymbolError):
        bound(kernel, name).encode(np.array([-(2**31)], np.int32), [VIEWS[name]((1,))])


@pytest.mark.parametrize(("name", "views"), cases(WRONG_VIEWS))
def test_views_must_agree_with_the_buffer(name, views):
    coder = bound(native, name)
    with pytest.raises(ValueError, match="range"):
        coder.encode(np.zeros(1, np.int32), views)
    with pytest.raises(ValueError, match="range"):
        coder.decode(b"", views, np.zeros(1, np.int32))
