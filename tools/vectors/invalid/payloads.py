"""Invalid files, errors 40 and 41: payloads that do not decode to their arrays, symbols out of range."""

from __future__ import annotations

from vectors.build import INTEGERS, VERBATIM, body, head, payload
from vectors.invalid.broken import F32, INT32, ONE, Row, coded, floats, manifest

PAYLOADS: dict[str, Row] = {
    "raw_short": (40, "raw with a byte too few", coded("raw", bytes(7))),
    "raw_long": (40, "raw with a byte too many", coded("raw", bytes(9))),
    "gamma_short": (40, "elias_gamma that ends too early", coded("elias_gamma", b"")),
    "gamma_long": (
        40,
        "elias_gamma with a byte too many",
        coded("elias_gamma", payload("elias_gamma", [1, 2]) + b"\0"),
    ),
    "gamma_padding": (40, "elias_gamma with padding that is not zero", coded("elias_gamma", b"\x84")),
    "gamma_run": (40, "a run longer than its array", coded("elias_gamma", payload("elias_gamma", [0, 0, 0]))),
    "gamma_value": (40, "a magnitude of 2**31", coded("elias_gamma", bytes([1, 0, 0, 0, 2, 0, 0, 0, 2]))),
    "rice_short": (40, "rice without its parameters", coded("rice", b"")),
    "rice_long": (40, "rice with a byte too many", coded("rice", payload("rice", [1, 2]) + b"\0")),
    "context_long": (40, "context with a byte too many", coded("context", payload("context", [1, 2]) + b"\1")),
    "context_zeros": (40, "context with a zero that is left out", coded("context", b"\0", [INT32, 1])),
    "context_magnitude": (40, "context with a magnitude above 2**31 - 1", coded("context", b"\xff" * 16)),
    "context_outside": (
        40,
        "context outside of the first interval",
        coded("context", bytes.fromhex("ffffffffaa"), [INT32, 1]),
    ),
    "mixing_outside": (
        40,
        "mixing outside of the first interval",
        coded("mixing", bytes.fromhex("ffffffff5b"), [INT32, 1]),
    ),
    "mixing_long": (40, "mixing with a byte too many", coded("mixing", payload("mixing", [1, 2]) + b"\1")),
    "planes_short": (40, "float_planes without its second plane", floats(b"\1\0")),
    "planes_long": (40, "float_planes with a byte too many", floats(b"\1\0\1\0\0")),
    "planes_form": (40, "form 3 of a block", floats(b"\3\0\1\0")),
    "planes_table": (40, "a table whose frequencies do not fill 4096 slots", floats(b"\2\0\1\x0a" + bytes(30))),
    "planes_bool": (40, "a bool of 2 in float_planes", coded("float_planes", b"\1\2", [head("bool", VERBATIM), 2])),
    "stream_unused": (
        40,
        "a payload that no factor uses",
        manifest(body([[0, 12, 0], [F32, 2]], payload("raw", [ONE], [1, 2]), b"\0")),
    ),
}

SYMBOLS: dict[str, Row] = {
    "symbol_smallest": (41, "the symbol -2**31", coded("raw", b"\0\0\0\x80" + bytes(4))),
    "symbol_int8": (41, "128 in an int8", coded("raw", payload("raw", [128, 0]), [head("int8", INTEGERS), 2])),
    "symbol_uint8": (41, "-1 in a uint8", coded("raw", payload("raw", [-1, 0]), [head("uint8", INTEGERS), 2])),
    "symbol_bool": (41, "2 as a bool", coded("raw", payload("raw", [2, 0]), [head("bool", INTEGERS), 2])),
    "symbol_bool_verbatim": (41, "a bool of the byte 2", coded("raw", b"\2\0", [head("bool", VERBATIM), 2])),
}
