"""rans: payloads that no encoder writes are refused, in the same way by all decoders."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wcodec._native as native
from wcodec import backend
from wcodec.coders import CODERS, ArraySpec, reference
from wcodec.coders.rans_control import Control, Geometry, Model
from wcodec.errors import PayloadError

RANS = CODERS["rans"]
INT32_MAX = 2**31 - 1


def small_matrix() -> np.ndarray:
    matrix = np.zeros((8, 128), np.int32)
    matrix[:, ::7] = 1
    matrix[2, 3] = -1
    matrix[4, 70] = 300
    return matrix


def read_all(decoder: Any, array: np.ndarray) -> np.ndarray:
    symbols = np.full(array.size, 77, np.int32)
    decoder.read_symbols(tuple(Geometry.of(array.shape)), symbols)
    decoder.close()
    return symbols


def control_payload(integers: list[tuple[int, int]], words: bytes = b"") -> bytes:
    control = Control()
    for model, value in integers:
        control.add(model, value)
    head = control.tobytes()
    return bytes([len(head)]) + head + words


HEADER = [(Model.LAYOUT, 1), (Model.VIEW, 0), (Model.NEAR_A, 0), (Model.NEAR_B, 0), (Model.SCALES, 0)]
CERTAIN_ZERO = [(Model.REST, 0), (Model.LOW, -1), (Model.HIGH, -1), (Model.RARE, 0)]
ZERO_IN_ONE = [(Model.REST, 0), (Model.LOW, 0), (Model.HIGH, 0), (Model.RARE, 0)]
STATES = (1 << 16).to_bytes(4, "little") * 8
SPEC = ArraySpec((8, 128), np.dtype(np.int32))


def test_the_hand_made_header_is_valid() -> None:
    assert not RANS.decode(control_payload(HEADER + CERTAIN_ZERO, STATES), [SPEC])[0].any()


BROKEN = {
    "layout 3": ([(Model.LAYOUT, 3)], STATES),
    "more lanes than rows": ([(Model.LAYOUT, 2), *HEADER[1:], *CERTAIN_ZERO], 4 * STATES),
    "view 2": ([HEADER[0], (Model.VIEW, 2)], STATES),
    "neighbour 6": ([*HEADER[:2], (Model.NEAR_A, 6)], STATES),
    "scale mask 8": ([*HEADER[:4], (Model.SCALES, 8)], STATES),
    "exponent 16": ([*HEADER[:4], (Model.SCALES, 1), (Model.ROW, 16)], STATES),
    "exponent overflow": ([*HEADER[:4], (Model.SCALES, 1), (Model.ROW, INT32_MAX)], STATES),
    "rest index 256": ([*HEADER, (Model.REST, 128)], STATES),
    "low 128": ([*HEADER, (Model.REST, 0), (Model.LOW, 127)], STATES),
    "frequency code 40": ([*HEADER, *CERTAIN_ZERO[:3], (Model.RARE, 40)], STATES),
    "sum 2048": ([*HEADER, *ZERO_IN_ONE, (Model.FREQUENCY + 4, 16), (Model.FREQUENCY + 4, 0)], STATES),
    "state below 2**16": ([*HEADER, *CERTAIN_ZERO], STATES[:-4] + b"\xff\xff\0\0"),
    "last state": ([*HEADER, *CERTAIN_ZERO], STATES[:-4] + b"\0\0\2\0"),
    "states missing": ([*HEADER, *CERTAIN_ZERO], STATES[:-1]),
    "trailing word": ([*HEADER, *CERTAIN_ZERO], STATES + b"\0\0"),
    "trailing integer": ([*HEADER, *CERTAIN_ZERO, *[(Model.ESCAPE, 5)] * 9], STATES),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_headers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = control_payload(*BROKEN[name])
    for kernel in (native, reference):
        monkeypatch.setattr(backend, "kernel", kernel)
        with pytest.raises(PayloadError):
            RANS.decode(payload, [SPEC])


@pytest.mark.parametrize("payload", ["", "80", "ff" * 9 + "01", "0572", "017200", "027200", "0100"])
def test_broken_lengths(payload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for kernel in (native, reference):
        monkeypatch.setattr(backend, "kernel", kernel)
        with pytest.raises(PayloadError):
            RANS.decode(bytes.fromhex(payload), [ArraySpec((1,), np.dtype(np.int32))])


def test_tables_are_for_a_thousand_elements_and_more() -> None:
    with pytest.raises(PayloadError):
        RANS.decode(control_payload(HEADER + CERTAIN_ZERO, STATES), [ArraySpec((8, 127), SPEC.dtype)])


def test_an_empty_list_has_an_empty_payload() -> None:
    with pytest.raises(PayloadError):
        RANS.decode(b"\0", [ArraySpec((0, 4), np.dtype(np.int32))])


DECODERS = (lambda p: native.RansDecoder(p, "portable"), native.RansDecoder, reference.RansDecoder)


def outcome(decode: Callable[[], np.ndarray]) -> object:
    try:
        return decode().tolist()
    except PayloadError:
        return "refused"


def test_every_truncation_and_many_flipped_bits_end_in_the_same_way_everywhere() -> None:
    matrix = small_matrix()
    payload = RANS.encode([matrix])
    shortened = [payload[:n] for n in range(len(payload))]
    flipped = [
        bytes(byte ^ (1 << bit) * (i == at) for i, byte in enumerate(payload))
        for at, bit in itertools.product(range(0, len(payload), 3), (0, 6))
    ]
    results = [
        [outcome(lambda make=make, broken=broken: read_all(make(broken), matrix)) for make in DECODERS]
        for broken in shortened + flipped
    ]
    assert all(a == b == c for a, b, c in results)
    assert all(result[0] == "refused" for result in results[: len(shortened)])


def test_an_unknown_path_is_refused() -> None:
    for decoder in (native.RansDecoder, reference.RansDecoder):
        with pytest.raises(ValueError, match="path"):
            decoder(b"\0", "slowest")
