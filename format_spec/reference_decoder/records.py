"""Streams and records (wcz.md, sections 5.1 and 5.2)."""

from __future__ import annotations

import math

import numpy as np

from .conventions import Bytes
from .elements import DTYPES, FLOAT32, QUANTIZED
from .errors import RECORD, UNKNOWN_DTYPE, require

KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS, BANDS = range(6)
DENSE = 0


class Factor:
    """One factor: dtype number, form, scan, step axes (None: those of its kind), stream, bands; then its shape."""

    def __init__(self, head: int) -> None:
        self.dtype, self.form, self.scan = split_head(head)
        self.step_axes: list[int] | None = None
        self.stream, self.bands = 0, 1
        self.name, self.shape, self.step_shape = "", (), ()
        self.codes: list[int] = []
        self.base: Factor | None = None  # of a difference
        self.seen: list[np.ndarray] = []  # its array, band by band


class Record:
    """One tensor: dtype number, shape, kind, parameters, factors; and the record that it is a difference from."""

    base: Record | None = None


def read_record(wire: object) -> Record:
    require(type(wire) is list and wire, RECORD, "a record is a non-empty array")
    options = wire.pop() if type(wire[-1]) is dict else {}
    require(wire, RECORD, "a record has a head")
    require(options.keys() <= {KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS, BANDS}, RECORD, "an unknown option")
    record = Record()
    record.dtype, form, scan = split_head(wire[0])
    record.shape = tuple(natural(extent) for extent in wire[1:])
    record.kind = options.get(KIND, DENSE)
    require(type(record.kind) in (int, str), RECORD, "a kind is a number or a name")
    record.params = record.wire_params = [read_param(p) for p in array(options.get(PARAMS, []))]
    heads = options.get(FACTOR_HEADS)
    if heads is None:
        dtype = FLOAT32 if record.kind != DENSE and form == QUANTIZED else record.dtype
        heads = [dtype + 16 * form + 64 * scan]
    record.factors = [Factor(head) for head in array(heads)]
    require(record.factors, RECORD, "a record without factors")
    first = record.factors[0]
    require((first.form, first.scan) == (form, scan), RECORD, "the head repeats form and scan of the first factor")
    for factor, mask in zip(record.factors, per_factor(options, STEP_AXES, record), strict=True):
        factor.step_axes = (
            None if mask is None else [a for a in range(natural(mask, 1 << 32).bit_length()) if mask >> a & 1]
        )
    for factor, stream in zip(record.factors, per_factor(options, STREAMS, record), strict=True):
        factor.stream = 0 if STREAMS not in options else natural(stream)
    for factor, bands in zip(record.factors, per_factor(options, BANDS, record), strict=True):
        factor.bands = 1 if BANDS not in options else natural(bands, 1025)
        require(factor.bands >= 1, RECORD, "a factor without bands")
    return record


def split_head(head: object) -> tuple[int, int, int]:
    dtype, form, scan = natural(head) % 16, head // 16 % 4, head // 64
    require(form <= 2, RECORD, "an unknown form")
    require(dtype < len(DTYPES), UNKNOWN_DTYPE, "an unknown dtype")
    require(scan <= 3, RECORD, "an unknown scan")
    return dtype, form, scan


def per_factor(options: dict, key: int, record: Record) -> list:
    values = array(options.get(key, [None] * len(record.factors)))
    require(len(values) == len(record.factors), RECORD, "one entry a factor")
    return values


def read_param(param: object) -> object:
    if type(param) is list:
        require(len(param) <= 64 and all(type(p) is int for p in param), RECORD, "a parameter of other than integers")
        return tuple(param)
    require(type(param) in (int, str), RECORD, "a parameter is an integer, a string or integers")
    return param


def natural(value: object, below: float = math.inf) -> int:
    require(type(value) is int and 0 <= value < below, RECORD, "a natural number was expected")
    return value


def array(value: object) -> list:
    require(type(value) is list and len(value) <= 64, RECORD, "an array of at most 64 entries was expected")
    return value


def read_streams(head: object, rest: bytes) -> list[tuple[int, bytes]]:
    """(coder, payload) of each stream; the last one takes what is left."""
    values = head if type(head) is list else [head]
    require(len(values) % 2 == 1 and len(values) <= 4095, RECORD, "streams is a coder or [coder, nbytes, ..., coder]")
    source = Bytes(rest, RECORD)
    lengths = [natural(v) for v in values[1::2]]
    payloads = [source.take(nbytes) for nbytes in lengths]
    return list(zip([natural(v) for v in values[::2]], [*payloads, source.take(source.left())], strict=True))
