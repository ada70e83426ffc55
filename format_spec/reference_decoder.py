"""Reference decoder of the .wcz format, draft 0.1: the specification once more, as a program.

    python reference_decoder.py FILE.wcz        lists the tensors of a file

Slow, and short enough to be read beside wcz.md, quantization.md, factorizations.md and coders.md, whose order it
follows. It needs numpy and ml_dtypes (for bfloat16 and 8-bit floats), and nothing of wcodec; the tables of the coders
context and mixing it reads from coders.md beside it. It takes the whole file as bytes; a decoder for pipes reads chunk
by chunk instead.
"""

from __future__ import annotations

import hashlib
import math
import re
import sys
import zlib
from bisect import bisect_left
from itertools import accumulate, groupby, product
from pathlib import Path

import ml_dtypes
import numpy as np

# == Errors (registry.md) ==========================================================================================

NOT_WCZ, VERSION, TRUNCATED, CHECKSUM, DIGEST, UNKNOWN_CHUNK, CHUNK_ORDER, LIMIT, INDEX = range(1, 10)
BASE_MISSING, BASE_MISMATCH, DELTA = range(13, 16)
RECORD, NAME_TABLE, UNKNOWN_KIND, UNKNOWN_CODER, UNKNOWN_DTYPE, FACTORIZATION, STEP_CODE = range(20, 27)
PAYLOAD, SYMBOL = 40, 41


class RefusedError(Exception):
    """The file breaks a rule; `number` says which, as in registry.md."""

    def __init__(self, number: int, rule: str) -> None:
        super().__init__(f"error {number}: {rule}")
        self.number = number


def require(condition: object, number: int, rule: str) -> None:
    """Refuse the file unless `condition` holds."""
    if not condition:
        raise RefusedError(number, rule)


# == Limits (wcz.md, section 8) ====================================================================================

LIMITS = {
    "chunk_nbytes": 1 << 32,
    "manifest_nbytes": 1 << 22,
    "names_nbytes": 1 << 24,
    "chunks": 1 << 21,
    "tensors": 1 << 20,
    "rank": 16,
    "elements": 1 << 31,
    "total_nbytes": 1 << 37,
}

# == Conventions (wcz.md, section 1) ===============================================================================


class Bytes:
    """A cursor over bytes; reading past their end breaks the rule `number`."""

    def __init__(self, data: bytes, number: int) -> None:
        self.data, self.position, self.number = data, 0, number

    def take(self, count: int) -> bytes:
        require(count <= self.left(), self.number, "the bytes end too early")
        self.position += count
        return self.data[self.position - count : self.position]

    def byte(self) -> int:
        return self.take(1)[0]

    def left(self) -> int:
        return len(self.data) - self.position

    def leb128(self, most_bytes: int, malformed: int) -> int:
        value = 0
        for i in range(most_bytes):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                require(byte or i == 0, malformed, "a length is not in its shortest form")
                return value
        raise RefusedError(malformed, "a length does not end")


def read_msgpack(source: Bytes, depth: int = 0) -> object:
    """One object of the subset of msgpack that the format uses (section 1.3)."""
    byte = source.byte()
    if byte < 0x80 or byte >= 0xE0:
        return byte if byte < 0x80 else byte - 0x100
    if byte < 0xA0:
        return (read_map if byte < 0x90 else read_array)(source, byte & 0x0F, depth)
    if byte < 0xC0:
        return text(source.take(byte & 0x1F))
    return read_long(source, byte, depth)


def read_long(source: Bytes, byte: int, depth: int) -> object:
    """An object whose first byte is C0 to DF."""
    if byte in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[byte]
    if byte in (0xCA, 0xCB):
        width = 4 if byte == 0xCA else 8
        return float(np.frombuffer(source.take(width), f">f{width}")[0])
    if 0xCC <= byte <= 0xD3:
        return int.from_bytes(source.take(1 << byte % 4), "big", signed=byte >= 0xD0)
    lengths = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}
    require(byte in lengths, RECORD, "a msgpack type that the format does not use")
    count = int.from_bytes(source.take(lengths[byte]), "big")
    if byte <= 0xC6:
        return source.take(count)
    if byte <= 0xDB:
        return text(source.take(count))
    return read_array(source, count, depth) if byte <= 0xDD else read_map(source, count, depth)


def read_array(source: Bytes, count: int, depth: int) -> list:
    require(count == 0 or depth < 16, RECORD, "arrays and maps nest deeper than 16")
    return [read_msgpack(source, depth + 1) for _ in range(count)]


def read_map(source: Bytes, count: int, depth: int) -> dict:
    require(count == 0 or depth < 16, RECORD, "arrays and maps nest deeper than 16")
    table: dict = {}
    for _ in range(count):
        key = read_msgpack(source, depth + 1)
        require(type(key) in (int, str), RECORD, "a key is neither integer nor string")
        require(key not in table, RECORD, "a key stands twice")
        table[key] = read_msgpack(source, depth + 1)
    return table


def text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedError(RECORD, "a string is not UTF-8") from None


def read_manifest(body: bytes, limits: dict) -> tuple[object, bytes]:
    """The msgpack object at the start of a body, and the bytes after it."""
    limit = limits["manifest_nbytes"]
    source = Bytes(body[:limit], LIMIT if len(body) > limit else RECORD)
    value = read_msgpack(source)
    return value, body[source.position :]


def read_whole(body: bytes, limits: dict) -> object:
    value, rest = read_manifest(body, limits)
    require(not rest, RECORD, "bytes follow a msgpack object")
    return value


# == The file (wcz.md, sections 2 and 3) ===========================================================================

MAGIC = b"\x89WCZ\r\n"


def decode(data: bytes, limits: dict = LIMITS, base: bytes | None = None) -> tuple[dict, dict, object]:
    """(tensors in model order: name -> array, metadata, graph or None) of a whole file; of a delta file on its base."""
    file = read_file(data, limits, None if base is None else read_file(base, limits, None))
    return {name: file.tensors[name] for name in file.names}, file.metadata, file.graph


def read_file(data: bytes, limits: dict, base: _File | None) -> _File:
    require(data[:6] == MAGIC[: len(data)], NOT_WCZ, "not a .wcz file")
    require(len(data) >= 8, TRUNCATED, "the preamble is not complete")
    require(data[6:8] == b"\0\1", VERSION, f"format version {data[6]}.{data[7]}")
    file = _File(limits, base)
    source = Bytes(data, TRUNCATED)
    source.take(8)
    while True:
        start = source.position
        kind, body = read_chunk(source, limits)
        if kind == b"E":
            file.end(body, source.position - start, hashlib.sha256(data[:start]).digest())
            require(not source.left(), CHUNK_ORDER, "bytes follow the END chunk")
            return file
        file.take(kind, body, source.position - start)


def read_chunk(source: Bytes, limits: dict) -> tuple[bytes, bytes]:
    """Type and body of the next chunk; its CRC-32 is checked before the body is looked at."""
    start = source.position
    kind = source.take(1)
    length = source.leb128(9, RECORD)
    require(length <= limits["chunk_nbytes"], LIMIT, "chunk_nbytes")
    body = source.take(length)
    crc = zlib.crc32(source.data[start : source.position])
    require(source.take(4) == crc.to_bytes(4, "little"), CHECKSUM, "the CRC-32 of a chunk disagrees with its bytes")
    return kind, body


class _File:
    """What was read so far."""

    def __init__(self, limits: dict, base: _File | None) -> None:
        self.limits, self.base = limits, base
        self.delta: list | None = None
        self.records: dict[str, Record] = {}
        self.names: list[str] = []
        self.names_nbytes = 0
        self.queues: dict[bytes, list[str]] = {b"T": [], b"G": []}
        self.tensors: dict[str, np.ndarray] = {}
        self.metadata: dict[str, str] = {}
        self.graph: object = None
        self.index: list[int] = []
        self.total_nbytes = 0

    def take(self, kind: bytes, body: bytes, nbytes: int) -> None:
        """Interpret a chunk; one of an unknown ancillary type means nothing."""
        tensors = 0
        require(len(self.index) < 2 * self.limits["chunks"], LIMIT, "chunks")
        if kind == b"N":
            self.take_names(body)
        elif kind in self.queues:
            tensors = self.take_tensors(kind, body)
        elif kind == b"m":
            table = read_whole(body, self.limits)
            strings = type(table) is dict and all(type(x) is str for pair in table.items() for x in pair)
            require(strings, RECORD, "metadata maps strings to strings")
            require(not table.keys() & self.metadata.keys(), RECORD, "a key stands in two metadata chunks")
            self.metadata.update(table)
        elif kind == b"g":
            require(self.graph is None, CHUNK_ORDER, "a second graph")
            self.graph = read_whole(body, self.limits)
            require(type(self.graph) is dict, RECORD, "a graph is a map")
        elif kind == b"D":
            require(self.delta is None and not self.records, CHUNK_ORDER, "a delta head stands first, and once")
            self.delta = read_delta_head(body, self)
        else:
            require(kind.islower(), UNKNOWN_CHUNK, "a critical chunk of an unknown type")
        self.index += [nbytes, -tensors if kind == b"G" else tensors]

    def take_names(self, body: bytes) -> None:
        require(len(body) <= self.limits["names_nbytes"], LIMIT, "names_nbytes")
        known = set(self.names)
        for name, grouped in read_names(body):
            self.names_nbytes += len(name)
            require(self.names_nbytes <= self.limits["names_nbytes"], LIMIT, "names_nbytes")
            require(len(self.names) < self.limits["tensors"], LIMIT, "tensors")
            try:
                label = name.decode("utf-8")
            except UnicodeDecodeError:
                raise RefusedError(NAME_TABLE, "a name is not UTF-8") from None
            require(label not in known, NAME_TABLE, "a name stands twice")
            known.add(label)
            self.names.append(label)
            self.queues[b"G" if grouped else b"T"].append(label)

    def take_tensors(self, kind: bytes, body: bytes) -> int:
        manifest, rest = read_manifest(body, self.limits)
        require(type(manifest) is list and len(manifest) >= 2, RECORD, "a manifest is [streams, record, ...]")
        queue = self.queues[kind]
        require(len(manifest) - 1 <= len(queue), NAME_TABLE, "more tensors than names")
        records = [read_record(wire) for wire in manifest[1:]]
        require(kind == b"G" or len(records) == 1, RECORD, "a tensor chunk holds one record")
        streams = read_streams(manifest[0], rest)
        for name, record in zip(queue, records, strict=False):
            record.base = self.base_of(name)
            self.records[name] = record
        tensors = read_tensors(records, streams, self)
        self.tensors.update(zip(queue, tensors, strict=False))
        del queue[: len(records)]
        return len(records)

    def base_of(self, name: str) -> Record | None:
        """The record that the arrays of a tensor are differences from (delta.md, section 3)."""
        if self.delta is None or self.names.index(name) in self.delta[2]:
            return None
        require(name in self.base.records, DELTA, "the base has no tensor of this name")
        return self.base.records[name]

    def end(self, body: bytes, nbytes: int, digest: bytes) -> None:
        """Section 6."""
        index = wanted = None
        if body:
            require(int.from_bytes(body[-4:], "little") == nbytes, RECORD, "END does not end with its own length")
            table = read_whole(body[:-4], self.limits)
            require(type(table) is list and len(table) == 2, RECORD, "END is [index, digest]")
            index, wanted = table
        require(wanted is None or (type(wanted) is bytes and len(wanted) == 32), RECORD, "a digest is 32 bytes")
        if index is not None:
            pairs = type(index) is list and len(index) % 2 == 0 and all(type(v) is int for v in index)
            require(pairs, RECORD, "an index is pairs of integers")
        require(wanted in (None, digest), DIGEST, "the SHA-256 of the file disagrees with its digest")
        require(index in (None, self.index), INDEX, "the index disagrees with the chunks")
        require(not any(self.queues.values()), NAME_TABLE, "fewer tensors than names")
        if self.delta is not None:
            self.metadata = self.metadata or self.base.metadata
            self.graph = self.base.graph if self.graph is None else self.graph
            require(all(p < len(self.names) for p in self.delta[2]), DELTA, "a whole tensor behind the last name")
            require(model_digest(self)[:16] == self.delta[1], DELTA, "not the model that the delta names")


# == Names (wcz.md, section 4) =====================================================================================

ENDINGS = [
    "/kernel", "/bias", ".weight", ".bias", "/gamma", "/beta", "/moving_mean", "/moving_variance",
    ".running_mean", ".running_var", ".num_batches_tracked", "/recurrent_kernel", "/embeddings",
    "/depthwise_kernel", "/pointwise_kernel",
]  # fmt: skip
PIECES = [
    "conv2d", "dense", "batch_normalization", "depthwise_conv2d", "conv", "layer", "encoder", "decoder",
    "attention", "embedding", "lstm", "block", "norm", "downsample", "output",
]  # fmt: skip


def read_names(body: bytes) -> list[tuple[bytes, bool]]:
    """(name, whether it is grouped), one after another."""
    source, previous = Bytes(body, NAME_TABLE), b""
    while source.left():
        shared, grouped = divmod(source.leb128(5, NAME_TABLE), 2)
        require(shared <= len(previous), NAME_TABLE, "a name shares more than the name before it has")
        previous = previous[:shared] + read_suffix(source)
        yield previous, bool(grouped)


def read_suffix(source: Bytes) -> bytes:
    suffix = b""
    while True:
        byte = source.byte()
        if byte == 0x00:
            return suffix
        if byte <= 0x0F:
            return suffix + ENDINGS[byte - 0x01].encode()
        if byte <= 0x1E:
            suffix += PIECES[byte - 0x10].encode()
        elif byte == 0x1F:
            suffix += source.take(1)
        else:
            suffix += bytes([byte])


# == Records (wcz.md, sections 5.1 and 5.2) ========================================================================

DTYPES = [
    np.dtype(t)
    for t in (
        np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8,
        np.uint16, np.uint32, np.uint64, np.bool_, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2,
    )
]  # fmt: skip
FLOATS = {0, 1, 2, 3, 13, 14}
FLOAT32, BOOL, UINT64, INT32 = 0, 12, 11, 6
QUANTIZED, INTEGERS, VERBATIM = 0, 1, 2
KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS, BANDS = range(6)
DENSE, RDFT, LOW_RANK, KMEANS, SPARSE, DICTIONARY, TENSOR_TRAIN, TENSOR_RING, HIERARCHICAL_TUCKER, TUCKER2 = range(10)
CP, PRODUCT_QUANTIZATION, SPARSE_KMEANS, SIMHASH, RANDOM_PROJECTION, BLOCK_DIAGONAL, INPUT_OUTPUT = range(10, 17)
MIXED_BLOCK, T_PRODUCT, T_LINEAR = range(17, 20)
TENT, POOL, DCT, BLOCK, TFC, BLOCK_SPARSE = range(25, 31)


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


# == Tensors (wcz.md, section 5.3) =================================================================================


def read_tensors(records: list[Record], streams: list[tuple[int, bytes]], file: _File) -> list[np.ndarray]:
    check_sizes(records, file)
    for record in records:
        join_base(record)
    factors = [factor for record in records for factor in record.factors]
    within = all(factor.stream + factor.bands <= len(streams) for factor in factors)
    require(within, RECORD, "a stream that the chunk does not have")
    require(len(records) == 1 or all(factor.bands == 1 for factor in factors), RECORD, "bands in a shared chunk")
    for number, (coder, payload) in enumerate(streams):
        bands = [(factor, number - factor.stream) for factor in factors]
        read_stream(coder, payload, [(factor, band) for factor, band in bands if 0 <= band < factor.bands])
    for factor in factors:
        restore(factor)
    return [rebuild(record) for record in records]


def check_sizes(records: list[Record], file: _File) -> None:
    """Everything that a record declares is checked before anything of that size is made."""
    elements = 0
    for record in records:
        require(len(record.shape) <= file.limits["rank"], LIMIT, "rank")
        require(extent(record.shape) <= file.limits["elements"], LIMIT, "elements")
        file.total_nbytes += math.prod(record.shape) * DTYPES[record.dtype].itemsize
        require(file.total_nbytes <= file.limits["total_nbytes"], LIMIT, "total_nbytes")
        join_factors(record)
        stored = sum(extent(f.shape) + extent(f.step_shape) for f in record.factors)
        elements += max(extent(record.shape), stored)
        require(elements <= file.limits["elements"], LIMIT, "elements")


def extent(shape: tuple) -> int:
    return math.prod(max(n, 1) for n in shape)


def join_factors(record: Record) -> None:
    """Give the factors of a record their names and shapes, and hold dtypes and forms to the kind."""
    dense = record.kind == DENSE
    shapes, default_axes, integer_factors = factors_of(record)
    require(len(shapes) == len(record.factors), RECORD, "another number of factors than the kind has")
    require(dense or record.dtype in FLOATS, RECORD, "a factored weight is of floats")
    for factor, (name, shape) in zip(record.factors, shapes.items(), strict=True):
        integer = factor.dtype not in FLOATS
        factor.name, factor.shape = name, shape
        if dense:
            require(factor.dtype == record.dtype, RECORD, "a dense factor has the dtype of its tensor")
        else:
            require(integer == (name in integer_factors), RECORD, "a factor of floats for integers, or the reverse")
            require(factor.dtype != UINT64, RECORD, "an integer factor is no uint64")
            require(factor.form != QUANTIZED or factor.dtype == FLOAT32, RECORD, "a quantized factor is float32")
        require(factor.form != (QUANTIZED if integer else INTEGERS), RECORD, "a form that the dtype does not have")
        if factor.form == QUANTIZED:
            axes = default_axes.get(name, []) if factor.step_axes is None else factor.step_axes
            require(all(axis < len(shape) for axis in axes), RECORD, "step axes beyond the rank")
            factor.step_shape = tuple(n if axis in axes else 1 for axis, n in enumerate(shape))
        else:
            require(factor.step_axes is None, RECORD, "step axes of a factor without steps")


def scan_order(scan: int, rank: int) -> list[int]:
    axes = list(range(rank))
    if scan == 1 and rank >= 2:
        return [rank - 1, rank - 2, *axes[:-2]]
    if scan == 2 and rank >= 2:
        return [rank - 2, rank - 1, *axes[:-2]]
    if scan == 3 and rank >= 1:
        return [rank - 1, *axes[:-1]]
    return axes


def read_stream(coder: int, payload: bytes, pieces: list[tuple[Factor, int]]) -> None:
    """Decode a stream: the step codes of the factors that begin in it, and of each factor the band that it holds."""
    quantized = [f for f, band in pieces if f.form == QUANTIZED and band == 0]
    specs = [((sum(math.prod(f.step_shape) for f in quantized),), INT32)] if quantized else []
    specs += [(band_shape(f, band), carried_dtype(f)) for f, band in pieces]
    require(coder in CODERS, UNKNOWN_CODER, "an unknown coder")
    accepted, decode_payload = CODERS[coder]
    require(all(dtype in accepted for _, dtype in specs), RECORD, "a dtype that the coder does not carry")
    arrays = decode_payload(payload, specs)
    codes = list(accumulate(arrays.pop(0).tolist())) if quantized else []
    for f in quantized:
        count = math.prod(f.step_shape)
        f.codes = codes[:count] if f.base is None else [a + b for a, b in zip(codes, f.base.codes, strict=False)]
        f.steps = np.array([step(code) for code in f.codes], np.float32).reshape(f.step_shape)
        codes = codes[count:]
    for (f, _), seen in zip(pieces, arrays, strict=True):
        f.seen.append(seen)


def band_shape(f: Factor, band: int) -> tuple[int, ...]:
    """Shape of one band of a factor's array; of the whole array where there is one band."""
    shape = tuple(f.shape[axis] for axis in scan_order(f.scan, len(f.shape)))
    if f.bands == 1:
        return shape
    require(shape and f.bands <= shape[0], RECORD, "more bands than rows")
    return ((band + 1) * shape[0] // f.bands - band * shape[0] // f.bands, *shape[1:])


def restore(f: Factor) -> None:
    """`f.values` from the bands that the streams gave."""
    seen = f.seen[0] if f.bands == 1 else np.concatenate(f.seen)
    order = scan_order(f.scan, len(f.shape))
    values = np.ascontiguousarray(seen.transpose(np.argsort(order).astype(int))).reshape(f.shape)
    f.array = values = values if f.base is None else add_difference(values, f)
    f.values = from_verbatim(values) if f.form == VERBATIM else from_integers(values, DTYPES[f.dtype])
    if f.form == QUANTIZED:
        f.values = np.asarray(f.values.astype(np.float32) * f.steps)


def from_verbatim(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.bool_:
        require((values.view(np.uint8) <= 1).all(), SYMBOL, "a bool is neither 0 nor 1")
    return values


def from_integers(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """int32 symbols as `dtype`; those of floats, which a step follows, stay symbols."""
    require((values > -(2**31)).all(), SYMBOL, "the symbol -2**31")
    if dtype.kind == "b":
        require(((values == 0) | (values == 1)).all(), SYMBOL, "a bool is neither 0 nor 1")
    elif dtype.kind in "iu":
        info = np.iinfo(dtype)
        require(all(info.min <= v <= info.max for v in values.ravel().tolist()), SYMBOL, "a symbol beyond its dtype")
    else:
        return values
    return values.astype(dtype)


# == Differences (delta.md) ========================================================================================


def read_delta_head(body: bytes, file: _File) -> list:
    head = read_whole(body, file.limits)
    require(type(head) is list and len(head) == 3, RECORD, "a delta head is [base, result, whole]")
    require(all(type(d) is bytes and len(d) == 16 for d in head[:2]), RECORD, "digests of 16 bytes")
    whole = head[2]
    require(type(whole) is list and all(type(p) is int and p >= 0 for p in whole), RECORD, "positions")
    require(whole == sorted(set(whole)), RECORD, "rising positions")
    require(file.base is not None, BASE_MISSING, "a delta file needs its base")
    require(model_digest(file.base)[:16] == head[0], BASE_MISMATCH, "a delta for another base")
    return head


def model_digest(file: _File) -> bytes:
    """Section 1."""
    sha = hashlib.sha256()
    for name in file.names:
        record = file.records[name]
        params = (",".join(map(str, p)) if type(p) is tuple else str(p) for p in record.wire_params)
        sha.update(digest_text(name) + bytes(leb128(record.dtype, len(record.shape), *record.shape)))
        sha.update(digest_text(str(record.kind)) + digest_text(";".join(params)))
        for f in record.factors:
            sha.update(bytes(leb128(f.dtype + 16 * f.form, step_mask(f))))
        for f in record.factors:
            if f.form == QUANTIZED:
                sha.update(np.array(f.codes, "<i4").tobytes())
            sha.update(f.array.astype(f.array.dtype.newbyteorder("<") if f.form == VERBATIM else "<i4").tobytes())
    return sha.digest()


def step_mask(f: Factor) -> int:
    return 0 if f.step_axes is None else 1 + sum(1 << axis for axis in f.step_axes)


def digest_text(text: str) -> bytes:
    data = text.encode()
    return bytes(leb128(len(data))) + data


def leb128(*values: int) -> list[int]:
    out = []
    for value in values:
        rest = value
        while rest >= 128:
            out.append(rest % 128 + 128)
            rest //= 128
        out.append(rest)
    return out


def join_base(record: Record) -> None:
    """Give each factor of a difference the factor of the base; their records must agree."""
    if record.base is None:
        return
    base = record.base
    same = (record.dtype, record.shape, record.kind, record.wire_params) == (
        base.dtype, base.shape, base.kind, base.wire_params,
    )  # fmt: skip
    require(same and len(record.factors) == len(base.factors), DELTA, "the base stores this tensor in another way")
    for f, old in zip(record.factors, base.factors, strict=True):
        same = (f.dtype, f.form, f.step_axes) == (old.dtype, old.form, old.step_axes)
        require(same, DELTA, "the base stores this factor in another way")
        f.base = old


def carried_dtype(f: Factor) -> int:
    """The dtype that the coder of a factor sees: of a verbatim difference, integers as wide as the bits."""
    if f.form != VERBATIM:
        return INT32
    return f.dtype if f.base is None else {1: 4, 2: 5, 4: 6, 8: 7}[DTYPES[f.dtype].itemsize]


def add_difference(values: np.ndarray, f: Factor) -> np.ndarray:
    """Section 3."""
    dtype = DTYPES[f.dtype]
    if f.form == VERBATIM:
        bits = np.ascontiguousarray(f.base.array).view(values.dtype).reshape(f.shape)
        ordered = values + (invert_below_sign(bits) if f.dtype in FLOATS else bits)  # modulo 2^n
        total = invert_below_sign(ordered) if f.dtype in FLOATS else ordered
        return np.ascontiguousarray(total).view(dtype).reshape(f.shape)
    carried = f.base.array.astype(np.int64)
    if f.codes != f.base.codes:
        quotient = f.base.array.astype(np.float64) * f.base.steps.astype(np.float64) / f.steps.astype(np.float64)
        carried = np.clip(np.rint(quotient), -(2**31) + 1, 2**31 - 1).astype(np.int64)
    total = values.astype(np.int64) + carried
    require((abs(total) < 2**31).all(), SYMBOL, "a sum beyond the symbols")
    return total.astype(np.int32)


def invert_below_sign(bits: np.ndarray) -> np.ndarray:
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)


# == Quantization (quantization.md) ================================================================================

STEP_TABLE = [
    float.fromhex(h) for h in (
        "0x1.000000p+0", "0x1.0b5586p+0", "0x1.172b84p+0", "0x1.2387a6p+0",
        "0x1.306fe0p+0", "0x1.3dea64p+0", "0x1.4bfdaep+0", "0x1.5ab07ep+0",
        "0x1.6a09e6p+0", "0x1.7a1148p+0", "0x1.8ace54p+0", "0x1.9c4918p+0",
        "0x1.ae89fap+0", "0x1.c199bep+0", "0x1.d5818ep+0", "0x1.ea4afap+0",
    )
]  # fmt: skip


def step(code: int) -> float:
    require(-1680 <= code <= 1855, STEP_CODE, "a step code out of range")
    return math.ldexp(STEP_TABLE[code % 16], code // 16 - 20)


# == Factorizations (factorizations.md) ============================================================================


def factors_of(record: Record) -> tuple[dict[str, tuple], dict[str, list[int]], set[str]]:
    """(name -> shape of the factors, name -> default step axes, names of integer factors) of a record's kind.

    The parameters become attributes of the record; kinds of matrices leave m and n there too.
    """
    require(record.kind in PARAMETERS, UNKNOWN_KIND, "an unknown kind")
    table = [parameter.partition("=")[::2] for parameter in PARAMETERS[record.kind].split()]
    require(len(record.params) <= len(table), FACTORIZATION, "too many parameters")
    given = record.params + [literal_default(default) for _, default in table[len(record.params) :]]
    for (name, _), value in zip(table, given, strict=True):
        wanted = tuple if name in ("axes", "rows", "columns", "ranks", "kept", "inner") else int
        require(type(value) is wanted, FACTORIZATION, "a parameter that is missing or of another type")
        setattr(record, name, value)
    if hasattr(record, "row_axes"):
        rank = len(record.shape)
        require(rank >= 2 and 0 <= record.row_axes < rank, FACTORIZATION, "rows and columns")
        split = record.row_axes or rank - 1
        record.m, record.n = math.prod(record.shape[:split]), math.prod(record.shape[split:])
    return SHAPES[record.kind](record)


PARAMETERS = {  # name, or name=default
    DENSE: "", RDFT: "axes=()", LOW_RANK: "rank row_axes=0", KMEANS: "levels", SPARSE: "count",
    DICTIONARY: "atoms nonzeros row_axes=0", TENSOR_TRAIN: "rows columns ranks row_axes=0",
    TENSOR_RING: "rows columns ranks row_axes=0", HIERARCHICAL_TUCKER: "rows columns ranks row_axes=0",
    TUCKER2: "first_rank second_rank axes=()", CP: "rank",
    PRODUCT_QUANTIZATION: "levels block codebooks=1 row_axes=0", SPARSE_KMEANS: "count levels",
    SIMHASH: "bits seed=0 row_axes=0", RANDOM_PROJECTION: "rank seed=0 row_axes=0",
    BLOCK_DIAGONAL: "blocks row_axes=0", T_PRODUCT: "rank", T_LINEAR: "tube row_axes=0",
    INPUT_OUTPUT: "input_block input_width output_block=1 output_width=1 row_axes=0",
    MIXED_BLOCK: "bases block_rows block_columns row_axes=0",
    TENT: "height width", POOL: "height width size=2", DCT: "height width", BLOCK: "kept inner=(0,)", TFC: "layout=0",
    BLOCK_SPARSE: "height width count row_axes=0",
}  # fmt: skip


def literal_default(text: str) -> object:
    return {"": None, "()": (), "(0,)": (0,), "0": 0, "1": 1, "2": 2}[text]


def between(value: int, most: int, what: str) -> None:
    """From 1 to max(1, most)."""
    require(1 <= value <= max(1, most), FACTORIZATION, what)


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


def shapes_rdft(r: Record) -> tuple:
    axes = list(r.axes or range(len(r.shape) - 2))
    require(axes == sorted(set(axes)) and all(0 <= a < len(r.shape) for a in axes), FACTORIZATION, "rdft axes")
    require(1 <= len(axes) <= 3, FACTORIZATION, "rdft takes 1 to 3 axes")
    require(all(1 <= r.shape[a] <= 1024 for a in axes), FACTORIZATION, "rdft extents are 1 to 1024")
    r.axes = axes
    return {"latent": r.shape}, {"latent": axes}, set()


def shapes_low_rank(r: Record) -> tuple:
    between(r.rank, min(r.m, r.n), "low_rank rank")
    return {"left": (r.m, r.rank), "right": (r.rank, r.n)}, {}, set()


def shapes_kmeans(r: Record) -> tuple:
    between(r.levels, 65536, "kmeans levels")
    return {"codebook": (r.levels,), "index": r.shape}, {}, {"index"}


def shapes_sparse(r: Record) -> tuple:
    require(0 <= r.count <= math.prod(r.shape), FACTORIZATION, "sparse count")
    return {"mask": r.shape, "values": (r.count,)}, {}, {"mask"}


def shapes_dictionary(r: Record) -> tuple:
    between(r.atoms, r.m, "dictionary atoms")
    between(r.nonzeros, r.atoms, "dictionary nonzeros")
    return {"mask": (r.m, r.atoms), "coefficients": (r.m, r.nonzeros), "atoms": (r.atoms, r.n)}, {}, {"mask"}


def check_modes(r: Record, ranks: int) -> None:
    """Rows, columns and the number of ranks of a tensor network; leaves there how many elements lie before bond k."""
    require(len(r.rows) == len(r.columns) and 2 <= len(r.rows) <= 16, FACTORIZATION, "digits of rows and columns")
    for digits, extent in ((r.rows, r.m), (r.columns, r.n)):
        fits = min(digits) >= 1 and max(1, extent) <= math.prod(digits) <= 2 * max(1, extent)
        require(fits, FACTORIZATION, "digits that do not make the rows or columns")
    require(len(r.ranks) == ranks, FACTORIZATION, "another number of ranks")
    r.before = [1, *accumulate((a * b for a, b in zip(r.rows, r.columns, strict=True)), lambda x, y: x * y)]
    r.total = r.before[-1]


def shapes_tensor_train(r: Record) -> tuple:
    check_modes(r, len(r.rows) - 1)
    for k, rank in enumerate(r.ranks, 1):
        between(rank, min(r.before[k], r.total // r.before[k]), "tensor_train rank")
    return core_shapes(r, (1, *r.ranks, 1))


def shapes_tensor_ring(r: Record) -> tuple:
    check_modes(r, len(r.rows))
    require(min(r.ranks) >= 1, FACTORIZATION, "tensor_ring rank")
    bonds = range(1, len(r.rows))
    meeting = max(1, sum(r.before[k] ** 2 <= r.total for k in bonds))
    for k in bonds:
        if k <= meeting:
            require(r.ranks[0] * r.ranks[k] * r.before[k] <= 4 * r.total, FACTORIZATION, "tensor_ring rank")
        if k >= meeting:
            require(r.ranks[0] * r.ranks[k] <= 4 * r.before[k], FACTORIZATION, "tensor_ring rank")
    return core_shapes(r, (*r.ranks, r.ranks[0]))


def core_shapes(r: Record, bonds: tuple[int, ...]) -> tuple:
    sizes = zip(bonds, r.rows, r.columns, bonds[1:], strict=False)
    return {f"core{k}": size for k, size in enumerate(sizes, 1)}, {}, set()


def shapes_hierarchical_tucker(r: Record) -> tuple:
    check_modes(r, 2 * len(r.rows) - 2)
    r.tree = tree_of(len(r.rows))
    ranks, shapes = (1, *r.ranks), {}
    for number, (first, last, left, right) in enumerate(r.tree):
        inside = r.before[last] // r.before[first]
        between(ranks[number], min(inside, r.total // inside), "hierarchical_tucker rank")
        sides = (ranks[left], ranks[right]) if left else (r.rows[first], r.columns[first])
        shapes[f"node{number}"] = (*sides, ranks[number])
    return shapes, {}, set()


def tree_of(modes: int) -> list[tuple[int, int, int, int]]:
    """(first mode, mode after the last, left child, right child) of every node, breadth first; leaves have child 0."""
    spans, nodes = [(0, modes)], []
    for first, last in spans:
        if last - first == 1:
            nodes.append((first, last, 0, 0))
        else:
            middle = first + ceil_div(last - first, 2)
            nodes.append((first, last, len(spans), len(spans) + 1))
            spans += [(first, middle), (middle, last)]
    return nodes


def shapes_tucker2(r: Record) -> tuple:
    rank = len(r.shape)
    a, b = r.axes if len(r.axes) == 2 else (rank - 2, rank - 1)
    require(rank >= 2 and len(r.axes) in (0, 2) and 0 <= a < b < rank, FACTORIZATION, "tucker2 axes")
    between(r.first_rank, r.shape[a], "tucker2 rank")
    between(r.second_rank, r.shape[b], "tucker2 rank")
    core = list(r.shape)
    core[a], core[b] = r.first_rank, r.second_rank
    r.axes = (a, b)
    return {"core": tuple(core), "first": (r.shape[a], core[a]), "second": (r.shape[b], core[b])}, {}, set()


def shapes_cp(r: Record) -> tuple:
    require(len(r.shape) >= 2, FACTORIZATION, "cp of a vector")
    between(r.rank, math.prod(r.shape) // max(1, *r.shape), "cp rank")
    return {f"factor{axis}": (extent, r.rank) for axis, extent in enumerate(r.shape, 1)}, {}, set()


def shapes_product_quantization(r: Record) -> tuple:
    between(r.levels, 65536, "product_quantization levels")
    between(r.block, r.n, "product_quantization block")
    r.places = ceil_div(r.n, r.block)
    between(r.codebooks, r.places, "product_quantization codebooks")
    return {"codebook": (r.codebooks, r.levels, r.block), "index": (r.m, r.places)}, {}, {"index"}


def shapes_sparse_kmeans(r: Record) -> tuple:
    require(0 <= r.count <= math.prod(r.shape), FACTORIZATION, "sparse_kmeans count")
    between(r.levels, 65536, "sparse_kmeans levels")
    return {"codebook": (r.levels,), "mask": r.shape, "index": (r.count,)}, {}, {"mask", "index"}


def shapes_simhash(r: Record) -> tuple:
    between(r.bits, 1 << 19, "simhash bits")
    require(0 <= r.seed < 1 << 32, FACTORIZATION, "simhash seed")
    return {"signs": (r.bits, r.n), "scales": (r.n,)}, {}, {"signs"}


def shapes_random_projection(r: Record) -> tuple:
    between(r.rank, min(r.m, r.n), "random_projection rank")
    require(0 <= r.seed < 1 << 32, FACTORIZATION, "random_projection seed")
    return {"right": (r.rank, r.n)}, {}, set()


def shapes_block_diagonal(r: Record) -> tuple:
    between(r.blocks, min(r.m, r.n), "block_diagonal blocks")
    return {"blocks": (r.blocks, ceil_div(r.m, r.blocks), ceil_div(r.n, r.blocks))}, {}, set()


def shapes_input_output(r: Record) -> tuple:
    for value, most in (
        (r.input_block, r.m), (r.input_width, r.input_block), (r.output_block, r.n), (r.output_width, r.output_block),
    ):  # fmt: skip
        between(value, most, "input_output blocks and widths")
    core = (ceil_div(r.m, r.input_block) * r.input_width, ceil_div(r.n, r.output_block) * r.output_width)
    ends = {"input": (r.input_block, r.input_width), "output": (r.output_width, r.output_block)}
    return {"input": ends["input"], "core": core, "output": ends["output"]}, {}, set()


def shapes_mixed_block(r: Record) -> tuple:
    between(r.block_rows, r.m, "mixed_block rows")
    between(r.block_columns, r.n, "mixed_block columns")
    places = (ceil_div(r.m, r.block_rows), ceil_div(r.n, r.block_columns))
    between(r.bases, min(math.prod(places), r.block_rows * r.block_columns), "mixed_block bases")
    return {"coefficients": (*places, r.bases), "bases": (r.bases, r.block_rows, r.block_columns)}, {}, set()


def shapes_t_product(r: Record) -> tuple:
    *kernel, m, n = r.shape if len(r.shape) >= 3 else (0, 0, 0)
    require(1 <= math.prod(kernel) <= 1024, FACTORIZATION, "t_product kernel positions")
    between(r.rank, min(m, n), "t_product rank")
    return {"left": (math.prod(kernel), m, r.rank), "right": (math.prod(kernel), r.rank, n)}, {}, set()


def shapes_t_linear(r: Record) -> tuple:
    between(r.tube, min(r.m, r.n, 1024), "t_linear tube")
    return {"spectrum": (ceil_div(r.m, r.tube), ceil_div(r.n, r.tube), r.tube)}, {}, set()


def shapes_image(r: Record) -> tuple:
    r.pixels = {TENT: 2, POOL: getattr(r, "size", 0), DCT: 1}[r.kind]  # of a coefficient
    require(len(r.shape) == 2, FACTORIZATION, "an image basis is for (inputs, units)")
    require(all(1 <= n <= 1024 for n in (r.height, r.width, r.pixels)), FACTORIZATION, "image extents are 1 to 1024")
    require(r.shape[0] % (r.height * r.width) == 0, FACTORIZATION, "inputs that are not whole images")
    channels = r.shape[0] // (r.height * r.width)
    latent = (ceil_div(r.height, r.pixels), ceil_div(r.width, r.pixels), channels, r.shape[1])
    return {"latent": latent}, {}, set()


def shapes_block(r: Record) -> tuple:
    """Those of the block, a record of its own; notes the extents that the zeros fill."""
    places = r.kept[: max(0, len(r.kept) - len(r.shape))]
    require(len(r.kept) >= len(r.shape) >= 1, FACTORIZATION, "a block of too few axes")
    require(all(k >= 0 for k in r.kept) and math.prod(places) > 0, FACTORIZATION, "a block extent")
    require(r.shape[0] % math.prod(places) == 0, FACTORIZATION, "places of a block")
    r.view = (*places, r.shape[0] // math.prod(places), *r.shape[1:])
    require(all(k <= n for k, n in zip(r.kept, r.view, strict=True)), FACTORIZATION, "a block beyond its weight")
    require(r.inner and r.inner[0] in (DENSE, RDFT, TENT, POOL, DCT), FACTORIZATION, "the inner kind of a block")
    r.block = Record()
    r.block.dtype, r.block.shape, r.block.kind, r.block.params = r.dtype, r.kept, r.inner[0], list(r.inner[1:])
    return factors_of(r.block)


def shapes_tfc(r: Record) -> tuple:
    require(r.layout in (0, 1), FACTORIZATION, "a layout of tfc")
    if not r.layout:
        return {"symbols": r.shape, "steps": ()}, {}, {"symbols"}
    require(len(r.shape) == 4 and all(1 <= n <= 16 for n in r.shape[:2]), FACTORIZATION, "a tfc kernel")
    bins = (r.shape[0], r.shape[1] // 2 + 1, 2)
    return {"symbols": (*r.shape[2:], *bins), "steps": bins}, {}, {"symbols"}


def shapes_block_sparse(r: Record) -> tuple:
    between(r.height, r.m, "block_sparse height")
    between(r.width, r.n, "block_sparse width")
    grid = (ceil_div(r.m, r.height), ceil_div(r.n, r.width))
    require(0 <= r.count <= math.prod(grid), FACTORIZATION, "block_sparse count")
    return {"mask": grid, "values": (r.count, r.height, r.width)}, {}, {"mask"}


SHAPES = {
    DENSE: lambda r: ({"weight": r.shape}, {}, set()), RDFT: shapes_rdft, LOW_RANK: shapes_low_rank,
    KMEANS: shapes_kmeans, SPARSE: shapes_sparse, DICTIONARY: shapes_dictionary, TENSOR_TRAIN: shapes_tensor_train,
    TENSOR_RING: shapes_tensor_ring, HIERARCHICAL_TUCKER: shapes_hierarchical_tucker, TUCKER2: shapes_tucker2,
    CP: shapes_cp, PRODUCT_QUANTIZATION: shapes_product_quantization, SPARSE_KMEANS: shapes_sparse_kmeans,
    SIMHASH: shapes_simhash, RANDOM_PROJECTION: shapes_random_projection, BLOCK_DIAGONAL: shapes_block_diagonal,
    INPUT_OUTPUT: shapes_input_output, MIXED_BLOCK: shapes_mixed_block, T_PRODUCT: shapes_t_product,
    T_LINEAR: shapes_t_linear, TENT: shapes_image, POOL: shapes_image, DCT: shapes_image, BLOCK: shapes_block,
    TFC: shapes_tfc, BLOCK_SPARSE: shapes_block_sparse,
}  # fmt: skip


def rebuild(record: Record) -> np.ndarray:
    """The tensor from its factors."""
    values = {f.name: f.values if record.kind == DENSE else widened(f.values) for f in record.factors}
    with np.errstate(all="ignore"):
        weight = REBUILD[record.kind](record, **values)
        if hasattr(record, "row_axes"):
            weight = weight[: record.m, : record.n]
        return weight.reshape(record.shape).astype(DTYPES[record.dtype])


def widened(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind in "iub":
        return values.astype(np.int64)
    return values if values.dtype == np.float64 else values.astype(np.float32)


def rebuild_rdft(record: Record, latent: np.ndarray) -> np.ndarray:
    for axis in record.axes:
        matrix = rdft_matrix(record.shape[axis])
        latent = np.moveaxis(np.tensordot(matrix.T, latent, axes=(1, axis)), 0, axis)
    return latent


def rdft_matrix(n: int) -> np.ndarray:
    """Row 0 is the mean, rows 2f-1 and 2f are cosine and sine of frequency f, for even n the last row alternates."""
    matrix = np.empty((n, n))
    for row in range(n):
        frequency = (row + 1) // 2
        for k in range(n):
            angle = 2 * math.pi * frequency * k / n
            matrix[row, k] = math.sqrt(2 / n) * (math.cos(angle) if row % 2 else math.sin(angle))
    matrix[0] = math.sqrt(1 / n)
    if n % 2 == 0:
        matrix[n - 1] = [math.sqrt(1 / n) * (-1) ** k for k in range(n)]
    return matrix.astype(np.float32)


def rebuild_kmeans(record: Record, codebook: np.ndarray, index: np.ndarray) -> np.ndarray:
    require_index(index, record)
    return codebook[index]


def require_index(index: np.ndarray, record: Record) -> None:
    require(((index >= 0) & (index < record.levels)).all(), FACTORIZATION, "an index beyond the codebook")


def rebuild_sparse(record: Record, mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    require_bits(mask)
    require(mask.sum() == record.count, FACTORIZATION, "a mask of another count")
    weight = np.zeros(record.shape, values.dtype).reshape(-1)
    weight[mask.reshape(-1) == 1] = values
    return weight


def require_bits(mask: np.ndarray) -> None:
    require(((mask == 0) | (mask == 1)).all(), FACTORIZATION, "a mask holds 0 and 1")


def rebuild_dictionary(r: Record, mask: np.ndarray, coefficients: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    require_bits(mask)
    require((mask.sum(axis=1) <= r.nonzeros).all(), FACTORIZATION, "a row with more ones than coefficients")
    codes = np.zeros(mask.shape, coefficients.dtype)
    for i, row in enumerate(mask):
        places = np.flatnonzero(row)
        codes[i, places] = coefficients[i, : len(places)]
    return codes @ atoms


def rebuild_tensor_train(_: Record, **cores: np.ndarray) -> np.ndarray:
    part = np.ones((1, 1, 1), np.float32)  # (rows, columns, bond) of the digits so far
    for core in cores.values():
        product = np.einsum("MNa,amnb->MmNnb", part, core)
        part = product.reshape(part.shape[0] * core.shape[1], part.shape[1] * core.shape[2], core.shape[3])
    return part[:, :, 0]


def rebuild_tensor_ring(r: Record, **cores: np.ndarray) -> np.ndarray:
    """The trace, closing index by closing index: each is a tensor train."""
    first, *others = cores.values()
    total = 0
    for closing in range(r.ranks[0]):
        last = others[-1][..., closing : closing + 1]
        ends = {"first": first[closing : closing + 1], **{str(k): c for k, c in enumerate(others[:-1])}, "last": last}
        total = total + rebuild_tensor_train(r, **ends)
    return total


def rebuild_hierarchical_tucker(r: Record, **factors: np.ndarray) -> np.ndarray:
    parts: dict[int, np.ndarray] = {}
    for number in reversed(range(len(r.tree))):
        _, _, left, right = r.tree[number]
        factor = factors[f"node{number}"]
        if left:
            half = np.einsum("MNa,abc->MNbc", parts.pop(left), factor)
            whole = np.einsum("MNbc,mnb->MmNnc", half, parts.pop(right))
            factor = whole.reshape(whole.shape[0] * whole.shape[1], whole.shape[2] * whole.shape[3], -1)
        parts[number] = factor
    return parts[0][:, :, 0]


def rebuild_tucker2(r: Record, core: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    a, b = r.axes
    weight = np.moveaxis(np.tensordot(core, first, axes=(a, 1)), -1, a)
    return np.moveaxis(np.tensordot(weight, second, axes=(b, 1)), -1, b)


def rebuild_cp(r: Record, **factors: np.ndarray) -> np.ndarray:
    total = 0
    for s in range(r.rank):
        term = np.ones((), np.float32)
        for factor in factors.values():
            term = np.multiply.outer(term, factor[:, s])
        total = total + term
    return total


def rebuild_product_quantization(r: Record, codebook: np.ndarray, index: np.ndarray) -> np.ndarray:
    require_index(index, r)
    weight = np.zeros((r.m, r.places * r.block), codebook.dtype)
    for p in range(r.places):
        entries = codebook[p * r.codebooks // r.places]
        weight[:, p * r.block : (p + 1) * r.block] = entries[index[:, p]]
    return weight


def rebuild_sparse_kmeans(r: Record, codebook: np.ndarray, mask: np.ndarray, index: np.ndarray) -> np.ndarray:
    require_index(index, r)
    return rebuild_sparse(r, mask, codebook[index])


def generated(seed: int, rows: int, columns: int) -> np.ndarray:
    """The generated matrix (rows, columns), float32 whole numbers."""
    matrix, most = np.empty(rows * columns, np.float32), (1 << 64) - 1
    for i in range(rows * columns):
        z = seed + (i + 1) * 0x9E3779B97F4A7C15 & most
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & most
        z = (z ^ z >> 27) * 0x94D049BB133111EB & most
        matrix[i] = (z ^ z >> 31).bit_count() - 32
    return matrix.reshape(rows, columns)


def rebuild_simhash(r: Record, signs: np.ndarray, scales: np.ndarray) -> np.ndarray:
    require_bits(signs)
    return generated(r.seed, r.m, r.bits) @ (2 * signs - 1).astype(np.float32) * scales


def rebuild_block_diagonal(_: Record, blocks: np.ndarray) -> np.ndarray:
    count, h, w = blocks.shape
    weight = np.zeros((count * h, count * w), blocks.dtype)
    for k in range(count):
        weight[k * h : (k + 1) * h, k * w : (k + 1) * w] = blocks[k]
    return weight


def rebuild_input_output(r: Record, input: np.ndarray, core: np.ndarray, output: np.ndarray) -> np.ndarray:  # noqa: A002
    inputs, outputs = ceil_div(r.m, r.input_block), ceil_div(r.n, r.output_block)
    rows = [input @ core[p * r.input_width : (p + 1) * r.input_width] for p in range(inputs)]
    whole = np.concatenate(rows) if rows else np.zeros((0, core.shape[1]), np.float32)
    columns = [whole[:, q * r.output_width : (q + 1) * r.output_width] @ output for q in range(outputs)]
    return np.concatenate(columns, axis=1) if columns else whole


def rebuild_mixed_block(r: Record, coefficients: np.ndarray, bases: np.ndarray) -> np.ndarray:
    down, across, _ = coefficients.shape
    blocks = np.tensordot(coefficients, bases, axes=(2, 0))  # (down, across, block_rows, block_columns)
    return blocks.transpose(0, 2, 1, 3).reshape(down * r.block_rows, across * r.block_columns)


def cosine_matrix(p: int) -> np.ndarray:
    """T of t_product."""
    f, k = np.arange(p)[:, None], np.arange(p)
    matrix = np.sqrt(2 / p) * np.cos(np.pi * f * (2 * k + 1) / (2 * p))
    matrix[0] = np.sqrt(1 / p)
    return matrix.astype(np.float32)


def rebuild_t_product(_: Record, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.tensordot(cosine_matrix(left.shape[0]).T, left @ right, axes=(1, 0))


def rebuild_t_linear(_: Record, spectrum: np.ndarray) -> np.ndarray:
    down, across, tube = spectrum.shape
    t = cosine_matrix(tube)
    blocks = (t.T * spectrum[:, :, None, :]) @ t  # (down, across, s, t)
    return blocks.transpose(0, 2, 1, 3).reshape(down * tube, across * tube)


def rebuild_image(r: Record, latent: np.ndarray) -> np.ndarray:
    down, across = image_matrix(r, r.height), image_matrix(r, r.width)
    return np.einsum("yi,xj,ijcu->yxcu", down, across, latent, optimize=["einsum_path", (1, 2), (0, 1)])


def image_matrix(r: Record, n: int) -> np.ndarray:
    """Row k is a pixel, column i a coefficient."""
    if r.kind == DCT:
        return cosine_matrix(n).T
    matrix = np.zeros((n, ceil_div(n, r.pixels)), np.float32)
    for i in range(matrix.shape[1]):
        spread = dict.fromkeys(range(i * r.pixels, (i + 1) * r.pixels), 1)
        if r.kind == TENT:
            spread = {2 * i - 1: 1 / 8, 2 * i: 3 / 8, 2 * i + 1: 3 / 8, 2 * i + 2: 1 / 8}
        for pixel, value in spread.items():
            if 0 <= pixel < n:
                matrix[pixel, i] = value
    return matrix


def rebuild_block(r: Record, **values: np.ndarray) -> np.ndarray:
    block = REBUILD[r.block.kind](r.block, **values).reshape(r.block.shape)
    return np.pad(block, [(0, n - k) for k, n in zip(block.shape, r.view, strict=True)])


def rebuild_tfc(r: Record, symbols: np.ndarray, steps: np.ndarray) -> np.ndarray:
    values = symbols.astype(steps.dtype) * steps
    if not r.layout:
        return values
    height, width = r.shape[:2]
    weight = np.zeros(r.shape, values.dtype)
    for y, x, f, g in np.ndindex(height, width, height, width // 2 + 1):
        angle = 2 * math.pi * (f * y / height + g * x / width)
        c = (2 if 0 < 2 * g < width else 1) / math.sqrt(height * width)
        weight[y, x] += np.float32(c * math.cos(angle)) * values[:, :, f, g, 0]
        weight[y, x] += np.float32(-c * math.sin(angle)) * values[:, :, f, g, 1]
    return weight


def rebuild_block_sparse(r: Record, mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    require_bits(mask)
    require(mask.sum() == r.count, FACTORIZATION, "a mask of another count")
    padded = np.zeros((mask.shape[0] * r.height, mask.shape[1] * r.width), values.dtype)
    for (a, b), block in zip(np.argwhere(mask == 1), values, strict=True):
        padded[a * r.height : (a + 1) * r.height, b * r.width : (b + 1) * r.width] = block
    return padded[: r.m, : r.n]


REBUILD = {
    DENSE: lambda record, weight: weight,
    RDFT: rebuild_rdft,
    LOW_RANK: lambda record, left, right: left @ right,
    KMEANS: rebuild_kmeans,
    SPARSE: rebuild_sparse,
    DICTIONARY: rebuild_dictionary,
    TENSOR_TRAIN: rebuild_tensor_train,
    TENSOR_RING: rebuild_tensor_ring,
    HIERARCHICAL_TUCKER: rebuild_hierarchical_tucker,
    TUCKER2: rebuild_tucker2,
    CP: rebuild_cp,
    PRODUCT_QUANTIZATION: rebuild_product_quantization,
    SPARSE_KMEANS: rebuild_sparse_kmeans,
    SIMHASH: rebuild_simhash,
    RANDOM_PROJECTION: lambda r, right: generated(r.seed, r.m, r.rank) @ right,
    BLOCK_DIAGONAL: rebuild_block_diagonal,
    INPUT_OUTPUT: rebuild_input_output,
    MIXED_BLOCK: rebuild_mixed_block,
    T_PRODUCT: rebuild_t_product,
    T_LINEAR: rebuild_t_linear,
    TENT: rebuild_image,
    POOL: rebuild_image,
    DCT: rebuild_image,
    BLOCK: rebuild_block,
    TFC: rebuild_tfc,
    BLOCK_SPARSE: rebuild_block_sparse,
}

# == Coders (coders.md) ============================================================================================


def decode_raw(payload: bytes, specs: list) -> list[np.ndarray]:
    source, arrays = Bytes(payload, PAYLOAD), []
    for shape, dtype in specs:
        little = DTYPES[dtype].newbyteorder("<")
        data = source.take(math.prod(shape) * little.itemsize)
        arrays.append(np.frombuffer(data, little).astype(DTYPES[dtype]).reshape(shape))
    require(not source.left(), PAYLOAD, "bytes follow the last array")
    return arrays


class Bits:
    """Bits of a payload, least significant bit of each byte first."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def bits(self, count: int) -> int:
        require(self.position + count <= 8 * len(self.data), PAYLOAD, "the payload ends too early")
        value = 0
        for i in range(count):
            at = self.position + i
            value |= (self.data[at // 8] >> at % 8 & 1) << i
        self.position += count
        return value

    def unary(self, most: int) -> int:
        zeros = 0
        while not self.bits(1):
            zeros += 1
            require(zeros <= most, PAYLOAD, "a code that no encoder writes")
        return zeros

    def count(self, code: int) -> int:
        """A number from 0: Elias gamma of the number plus one where `code` is -1, else Rice with `code` low bits."""
        if code < 0:
            low_bits = self.unary(30)
            return (1 << low_bits | self.bits(low_bits)) - 1
        prefix = self.unary(2**31 - 1)
        return prefix << code | self.bits(code)

    def skip_padding(self) -> None:
        require(self.bits(-self.position % 8) == 0, PAYLOAD, "padding bits are zero")


def decode_run_lengths(bits: Bits, size: int, run_code: int, magnitude_code: int, non_zero_runs: bool) -> np.ndarray:
    """`size` symbols as runs of zeros and of non-zeros; each array starts and ends at a byte."""
    out = np.zeros(size, np.int32)
    position, least_zeros = 0, 0
    while position < size:
        position += bits.count(run_code) + least_zeros
        require(position <= size, PAYLOAD, "a run beyond the end of its array")
        if position == size:
            break
        run = 1
        if non_zero_runs:
            run += bits.count(run_code)
            least_zeros = 1
        require(position + run <= size, PAYLOAD, "a run beyond the end of its array")
        for _ in range(run):
            positive = bits.bits(1)
            magnitude = bits.count(magnitude_code) + 1
            require(magnitude < 2**31, PAYLOAD, "a magnitude above 2**31 - 1")
            out[position] = magnitude if positive else -magnitude
            position += 1
    bits.skip_padding()
    return out


def decode_elias_gamma(payload: bytes, specs: list) -> list[np.ndarray]:
    bits = Bits(payload)
    arrays = [decode_run_lengths(bits, math.prod(shape), -1, -1, False) for shape, _ in specs]
    return finish_integers(bits, arrays, specs)


def decode_rice(payload: bytes, specs: list) -> list[np.ndarray]:
    bits, arrays = Bits(payload), []
    for shape, _ in specs:
        size = math.prod(shape)
        parameters = bits.bits(8) if size else 0
        codes = (parameters & 7) - 1, (parameters >> 3 & 15) - 1, bool(parameters >> 7)
        arrays.append(decode_run_lengths(bits, size, *codes))
    return finish_integers(bits, arrays, specs)


def finish_integers(bits: Bits, arrays: list[np.ndarray], specs: list) -> list[np.ndarray]:
    require(bits.position == 8 * len(bits.data), PAYLOAD, "bytes follow the last array")
    finished = [(from_integers(a, DTYPES[dtype]), shape) for a, (shape, dtype) in zip(arrays, specs, strict=True)]
    return [a.reshape(shape) for a, shape in finished]


class RangeDecoder:
    """Section 4.1: bits whose chances of a one are given, in units of 2**-16."""

    def __init__(self, payload: bytes) -> None:
        self.payload, self.taken = payload, 0
        self.range, self.code, self.window = 2**32 - 1, 0, 0
        self.shift()
        self.shift()

    def shift(self) -> None:
        """Take two more bytes of the payload; behind its end it goes on with zeros."""
        require(self.taken <= len(self.payload) + 8, PAYLOAD, "the payload ends long before its last symbol")
        two = int.from_bytes(self.payload[self.taken : self.taken + 2].ljust(2, b"\0"), "big")
        self.taken += 2
        self.code = self.code << 16 | two
        self.window = (self.window << 16 | two) % 2**32

    def bit(self, chance: int) -> int:
        split = self.range * (65536 - chance) >> 16
        bit = int(self.code >= split)
        if bit:
            self.code -= split
            self.range -= split
        else:
            self.range = split
        if self.range < 2**16:
            self.range <<= 16
            self.shift()
        return bit

    def finish(self) -> None:
        """Refuse every payload but the one that the encoder writes."""
        low = (self.window - self.code) % 2**32
        multiples = [-(-low // unit) * unit for unit in (2**32, 2**24, 2**16)]
        nbytes, value = next((n, v) for n, v in enumerate(multiples) if v < low + self.range)
        full, size = self.taken - 4 + nbytes, len(self.payload)
        sound = self.code == value - low and full - 4 <= size <= full and self.payload[:4] != bytes([255] * 4)
        trimmed = size == 0 or size == full - 4 or self.payload[-1] != 0
        require(sound and trimmed, PAYLOAD, "a payload that no encoder writes")


class Probability:
    """Section 4.2: a probability of a one that learns, in units of 2**-22."""

    def __init__(self, number: int) -> None:
        self.p, self.n = number << 14, 4

    def adapt(self, bit: int) -> None:
        rate = (20480 + 10 * self.n + 16) // (20 * self.n + 32)
        other = 2**22 - 1 - self.p if bit else self.p
        other -= other * rate >> 10
        self.p = 2**22 - 1 - other if bit else other
        self.n = min(self.n + 1, 255)


def read_decision(coder: RangeDecoder, *weighted: tuple[int, Probability]) -> int:
    mean = sum(weight * context.p for weight, context in weighted) // sum(weight for weight, _ in weighted)
    bit = coder.bit(min(max(mean >> 6, 4), 65532))
    for _, context in weighted:
        context.adapt(bit)
    return bit


def initial_contexts() -> list[dict[str, list[Probability]]]:
    """The two sets of section 4.6, from the tables in coders.md itself."""
    text = (Path(__file__).parent / "coders.md").read_text().split("### 4.6")[1].split("## 5")[0]
    sets = []
    for part in text.split(" set, arrays of rank")[1:]:
        tables = re.findall(r"^    (\w+) \(.*\)\n((?:[ \d]+\n)+)", part, re.MULTILINE)
        sets.append({name: [Probability(int(n)) for n in numbers.split()] for name, numbers in tables})
    return sets


def decode_context(payload: bytes, specs: list) -> list[np.ndarray]:
    coder, sets, arrays = RangeDecoder(payload), initial_contexts(), []
    for shape, _ in specs:
        rank, size = len(shape), math.prod(shape)
        width = shape[-1] if rank >= 3 else 1
        kernel = math.prod(shape[2:]) if rank >= 3 else 1
        row = math.prod(shape[1:]) if rank >= 2 else size
        arrays.append(read_walk(coder, sets[rank >= 2], size, row, kernel, width))
    coder.finish()
    finished = [(from_integers(a, DTYPES[dtype]), shape) for a, (shape, dtype) in zip(arrays, specs, strict=True)]
    return [a.reshape(shape) for a, shape in finished]


def read_walk(coder: RangeDecoder, contexts: dict, size: int, row: int, kernel: int, width: int) -> np.ndarray:
    """Section 4.3: the symbols of one array; `row` and `kernel` are the L and K of the text."""
    v: list[int] = []
    mean, column = 0, [0] * 65536
    for position in range(size):
        j, first_row = position % row, position < row
        y, x = divmod(j % kernel, width)

        def back(distance: int, exists: bool) -> int:
            return v[len(v) - distance] if exists else 0

        if kernel == 1:
            a, b = back(1, j >= 1), back(row, not first_row)
            c, d = back(2, j >= 2), back(row + 1, not first_row and j >= 1)
        else:
            a, b = back(1, x >= 1), back(width, y >= 1)
            c, d = back(kernel, j >= kernel), back(row, not first_row)
        s, t, u = back(1, j >= 1), back(2, j >= 2), b if kernel > 1 else 0
        above = column[(j - kernel) % 65536 if first_row else j % 65536]
        c_mean = mean if first_row and j < kernel else above
        e = 16 * (6 * q(s) + 2 * q(t) + 3 * q(u)) + 3 * (mean + c_mean) // 16
        level = min(27, log2((e + 1) ** 2))
        symbol = read_symbol(coder, contexts, level, (a, b, c, d), 9 * octave(mean) + octave(c_mean))
        column[j % 65536] = advance(c_mean, symbol)
        mean = advance(mean, symbol)
        v.append(symbol)
    return np.array(v, np.int32)


def q(symbol: int) -> int:
    return min(abs(symbol), 31)


def log2(number: int) -> int:
    return number.bit_length() - 1


def octave(mean: int) -> int:
    return min(8, max(0, log2(mean + 1) - 2))


def advance(mean: int, symbol: int) -> int:
    return mean - mean // 32 + 32 * q(symbol)


def read_symbol(coder: RangeDecoder, contexts: dict, level: int, around: tuple, means: int) -> int:
    """Sections 4.4 and 4.5; `around` are the neighbours a, b, c, d."""
    magnitudes = signs = 0
    for neighbour in around:
        magnitudes = 3 * magnitudes + min(abs(neighbour), 2)
        signs = 3 * signs + 1 + (neighbour > 0) - (neighbour < 0)
    non_zero = (
        (3, contexts["non_zero"][level]),
        (2, contexts["non_zero_pattern"][magnitudes]),
        (3, contexts["non_zero_means"][means]),
    )
    if not read_decision(coder, *non_zero):
        return 0
    negative = read_decision(coder, (1, contexts["negative"][signs // 9]), (1, contexts["negative_pattern"][signs]))
    magnitude = 1
    while magnitude <= 6 and read_decision(coder, (1, contexts["above"][6 * level + magnitude - 1])):
        magnitude += 1
    if magnitude > 6:
        k = 0
        while k < 30 and read_decision(coder, (1, contexts["escape"][k])):
            k += 1
        rest = 1
        for _ in range(k):
            rest = rest << 1 | coder.bit(32768)
        magnitude = 6 + rest
        require(magnitude < 2**31, PAYLOAD, "a magnitude above 2**31 - 1")
    return -magnitude if negative else magnitude


def decode_float_planes(payload: bytes, specs: list) -> list[np.ndarray]:
    """Section 5: neighbouring arrays of one dtype are one sequence of words."""
    source, arrays = Bytes(payload, PAYLOAD), []
    for dtype, run in groupby(specs, key=lambda spec: spec[1]):
        shapes = [shape for shape, _ in run]
        sizes = [math.prod(shape) for shape in shapes]
        blocks = [np.empty(0, DTYPES[dtype])]
        for start in range(0, sum(sizes), 65536):
            count = min(65536, sum(sizes) - start)
            planes = [read_plane(source, count) for _ in range(DTYPES[dtype].itemsize)]
            blocks.append(from_words(planes, count, DTYPES[dtype]))
        elements = np.concatenate(blocks)
        ends = list(accumulate(sizes))
        arrays += [
            elements[end - size : end].reshape(shape) for shape, size, end in zip(shapes, sizes, ends, strict=True)
        ]
    require(not source.left(), PAYLOAD, "bytes follow the last array")
    return arrays


def from_words(planes: list[bytes], count: int, dtype: np.dtype) -> np.ndarray:
    """The elements whose words have these bytes, highest plane first."""
    unsigned, bits = np.dtype(f"u{dtype.itemsize}"), 8 * dtype.itemsize
    words = np.zeros(count, np.uint64)
    for plane in planes:
        words = words << np.uint64(8) | np.frombuffer(plane, np.uint8).astype(np.uint64)
    lowest, rest = words & np.uint64(1), words >> np.uint64(1)
    if bits > 8 and DTYPES.index(dtype) in FLOATS:
        words = rest | lowest << np.uint64(bits - 1)
    elif bits > 8 and dtype.kind == "i":
        words = np.where(lowest == 1, ~rest, rest)
    elif dtype.kind == "b":
        require((words <= 1).all(), PAYLOAD, "a bool is neither 0 nor 1")
    return words.astype(unsigned).view(dtype)


def read_plane(source: Bytes, count: int) -> bytes:
    """The bytes of equal significance of a block of `count` words."""
    form = source.byte()
    require(form <= 2, PAYLOAD, "an unknown form of a plane")
    if form == 0:
        return source.take(count)
    return source.take(1) * count if form == 1 else read_rans(source, count)


def read_rans(source: Bytes, count: int) -> bytes:
    """Section 5.1."""
    first, last = source.byte(), source.byte()
    require(first < last, PAYLOAD, "a table of fewer than two values")
    bits, frequencies = Bits(source.data[source.position :]), {}
    for value in range(first, last + 1):
        low_bits = bits.unary(12)
        frequencies[value] = (1 << low_bits | bits.bits(low_bits)) - 1
    bits.skip_padding()
    source.take(bits.position // 8)
    ends = dict(zip(frequencies, accumulate(frequencies.values()), strict=True))
    sound = ends[last] == 4096 and frequencies[first] > 0 and frequencies[last] > 0 and max(frequencies.values()) < 4096
    require(sound, PAYLOAD, "frequencies that no encoder writes")
    slots = [value for value, frequency in frequencies.items() for _ in range(frequency)]
    lanes = 32 if count >= 32768 else 4
    states = [int.from_bytes(source.take(4), "little") for _ in range(lanes)]
    require(all(state >= 2**16 for state in states), PAYLOAD, "a state below 2**16")
    plane = bytearray()
    for i in range(count):
        x = states[i % lanes]
        slot = x % 4096
        value = slots[slot]
        x = frequencies[value] * (x // 4096) + slot - (ends[value] - frequencies[value])
        if x < 2**16:
            x = x << 16 | int.from_bytes(source.take(2), "little")
        states[i % lanes] = x
        plane.append(value)
    require(states == [2**16] * lanes, PAYLOAD, "the states do not end where the encoder starts")
    return bytes(plane)


class Integers:
    """Section 7.1: integers under the 37 models of a payload."""

    def __init__(self, control: bytes) -> None:
        self.coder, self.states = RangeDecoder(control), {}

    def decision(self, *name: int | str) -> int:
        p, n = self.states.get(name, (2**15, 0))
        bit = self.coder.bit(min(max(p, 64), 65472))
        rate = 131072 // (2 * n + 3)
        p = p + ((65535 - p) * rate >> 16) if bit else p - (p * rate >> 16)
        self.states[name] = p, min(n + 1, 127)
        return bit

    def read(self, model: int) -> int:
        if not self.decision(model, "zero"):
            return 0
        e = 0
        while e < 31 and self.decision(model, "more", e):
            e += 1
        m = 1
        for i in range(e):
            place = 1 + m % 2 if i else 0
            m = 2 * m + (self.decision(model, "mantissa", e, place) if i < 2 else self.coder.bit(32768))
        require(model < 7 or m < 2**31, PAYLOAD, "an integer beyond 31 bits")
        return -m if model >= 7 and self.decision(model, "negative") else m

    def limited(self, model: int, before: int, low: int, high: int, beyond: int = 255) -> int:
        """An integer that is coded as the difference to the one before it."""
        difference = self.read(model)
        value = before + difference
        require(abs(difference) <= beyond and low <= value <= high, PAYLOAD, "an integer outside its range")
        return value

    def choice(self, model: int, most: int) -> int:
        value = self.read(model)
        require(value <= most, PAYLOAD, "an integer outside its range")
        return value


def decode_rans(payload: bytes, specs: list) -> list[np.ndarray]:
    """Section 7."""
    if not any(math.prod(shape) for shape, _ in specs):
        require(not payload, PAYLOAD, "bytes follow the last array")
        return [np.zeros(shape, DTYPES[dtype]) for shape, dtype in specs]
    source, length, shift = Bytes(payload, PAYLOAD), 0, 0
    while True:
        require(shift < 63, PAYLOAD, "a length of more than 9 bytes")
        byte = source.byte()
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    integers, arrays = Integers(source.take(length)), []
    for shape, dtype in specs:
        symbols = read_layout(integers, source, shape) if math.prod(shape) else []
        arrays.append(from_integers(np.array(symbols, np.int64), DTYPES[dtype]).reshape(shape))
    integers.coder.finish()
    require(not source.left(), PAYLOAD, "bytes follow the last array")
    return arrays


def read_layout(integers: Integers, source: Bytes, shape: tuple[int, ...]) -> list[int]:
    size, rows = math.prod(shape), shape[0] if len(shape) >= 2 else 1
    lanes = (0, 8, 32)[integers.choice(0, 2)]
    symbols = []
    if lanes:
        require(size >= 1024, PAYLOAD, "tables for a small array")
        view = (rows, shape[1] if len(shape) >= 2 else size, math.prod(shape[2:]), shape[-1] if len(shape) > 2 else 1)
        view = (lanes, size // lanes, 1, 1) if integers.choice(1, 1) else view
        require(view[0] >= lanes, PAYLOAD, "more lanes than rows")
        symbols = read_bands(integers, source, view, lanes)
    last = second = 0
    for _ in range(size - len(symbols)):
        model = (19 if rows == 1 else 28) + 3 * min(abs(last), 2) + min(abs(second), 2)
        symbol = integers.read(model) * (-1 if 3 * sign(last) + sign(second) < 0 else 1)
        last, second = symbol, last
        symbols.append(symbol)
    return symbols


def sign(value: int) -> int:
    return (value > 0) - (value < 0)


def rans_distance(kind: int, column: int, kernel: int, line: int) -> int:
    """Section 7.4; past the start of the row where there is no neighbour."""
    i = column % kernel
    up = line if i >= line else kernel
    return (column + 1, 0, 1, 2, 1 if i % line else up, up)[kind]


def read_bands(integers: Integers, source: Bytes, view: tuple[int, int, int, int], lanes: int) -> list[int]:
    """Sections 7.4 to 7.7: the symbols of a view."""
    rows, channels, kernel, line = view
    columns = channels * kernel
    kinds = [integers.choice(model, 5) for model in (2, 3)]
    mask, exponents = integers.choice(4, 7), []
    for axis, count in enumerate((rows, channels, kernel)):
        of_axis = [0]
        for _ in range(count):
            of_axis.append(integers.limited(7 + axis, of_axis[-1], -15, 15, 30) if mask >> axis & 1 else 0)
        exponents.append(of_axis[1:])
    classes = {
        (r, c, k): min(max(8 + r + c + k, 0), 15) for r, c, k in product(*(set(of_axis) for of_axis in exponents))
    }
    contexts = [0, 1, 2, 3, 4] if all(kinds) else [0, 3] if kinds[0] else [0, 1] if kinds[1] else [0]
    tables = read_tables(integers, sorted(set(classes.values())), contexts)
    states = [int.from_bytes(source.take(4), "little") for _ in range(lanes)]
    require(min(states) >= 2**16, PAYLOAD, "a state below 2**16")
    first = [rows * lane // lanes for lane in range(lanes + 1)]
    out = [[0] * columns for _ in range(rows)]
    for step in range(-(-rows // lanes)):
        escapes = []
        for column in range(columns):
            distances = [rans_distance(kind, column, kernel, line) for kind in kinds]
            for lane in range(lanes):
                row = first[lane] + step
                if row >= first[lane + 1]:
                    continue
                near = [
                    0 if d > column else out[row][column - d] if d else out[row - 1][column] if step else 0
                    for d in distances
                ]
                # An escape has its sign only from here on: as a neighbour it is negative.
                near = [-1 if value == ESCAPE or abs(value) > 127 else value for value in near]
                context = 3 * sign(near[0]) + sign(near[1])
                scales = exponents[0][row], exponents[1][column // kernel], exponents[2][column % kernel]
                symbol, states[lane] = pop_rans(states[lane], tables[classes[scales], abs(context)], source)
                out[row][column] = -symbol if context < 0 and symbol != ESCAPE else symbol
                escapes += [(row, column)] * (symbol == ESCAPE)
        for row, column in escapes:
            e = integers.read(18)
            require(e != 0 and abs(e) + 127 < 2**31, PAYLOAD, "an escape that is no symbol")
            out[row][column] = e + 127 * sign(e)
    require(states == [2**16] * lanes, PAYLOAD, "the states do not end where the encoder starts")
    return [symbol for row in out for symbol in row]


ESCAPE = -128


def pop_rans(x: int, table: dict[int, tuple[int, int]], source: Bytes) -> tuple[int, int]:
    """A symbol and the state behind it; `table` has frequency and start of each value."""
    slot = x % 2048
    symbol = next(v for v, (f, start) in table.items() if start <= slot < start + f)
    f, start = table[symbol]
    x = f * (x // 2048) + slot - start
    return symbol, x if x >= 2**16 else x << 16 | int.from_bytes(source.take(2), "little")


def read_tables(integers: Integers, classes: list[int], contexts: list[int]) -> dict:
    """Section 7.6: (class, context) -> table."""
    merged = {number: len(contexts) > 1 and integers.read(5) != 0 for number in classes}
    tables, codes, low, high = {}, None, 1, 1
    for number in classes:
        for context in contexts:
            if context and merged[number]:
                tables[number, context] = tables[number, 0]
                continue
            rest = integers.limited(10, 0, -128, 127)
            low, high = integers.limited(11, low, 0, 127), integers.limited(12, high, 0, 127)
            new, last = dict.fromkeys(range(-128, 128), 0), 20
            new[ESCAPE] = integers.choice(6, 39)
            for value in range(-low, high + 1):
                if value != rest:
                    prediction = last if codes is None else codes[value]
                    last = new[value] = integers.limited(13 + min(prediction // 3, 4), prediction, 0, 39)
            new[rest] = 0
            frequencies = {v: q if q < 8 else (4 + q % 4) << q // 4 - 1 for v, q in new.items()}
            frequencies[rest] = 2048 - sum(frequencies.values())
            require(frequencies[rest] > 0, PAYLOAD, "frequencies that add up to 2048 without the rest")
            shift = max(frequencies[rest].bit_length() - 3, 0)
            new[rest] = 4 * shift + (frequencies[rest] >> shift)
            ends = accumulate(frequencies.values())
            tables[number, context] = {v: (f, end - f) for (v, f), end in zip(frequencies.items(), ends, strict=True)}
            codes = new
    return tables


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(x, high))


def mixing_constants() -> dict[str, list[int]]:
    """The tables of section 8.6, from coders.md itself; every table flat."""
    text = (Path(__file__).parent / "coders.md").read_text().split("### 8.6")[1].split("\n## ")[0]
    tables = re.findall(r"^    (\w+) \(.*\)\n((?:[ \d-]+\n)+)", text, re.MULTILINE)
    return {name: [int(n) for n in numbers.split()] for name, numbers in tables}


def log2f(x: int) -> int:
    """Section 8.1."""
    e = x.bit_length() - 1
    return 256 * e + ((256 * x >> e) - 256)


class MixingState:
    """Section 8.2: what all arrays of a payload share."""

    def __init__(self) -> None:
        t = mixing_constants()
        lower = []
        for i in range(2049):
            k = min(31, i // 64)
            knots = t["SQUASH_KNOTS"][k], t["SQUASH_KNOTS"][k + 1]
            lower.append((knots[0] * (64 - i + 64 * k) + knots[1] * (i - 64 * k) + 32) // 64)
        self.squash = lower + [65536 - lower[i] for i in range(2047, 0, -1)]
        self.stretch = [clamp(bisect_left(self.squash, 16 * p + 8, 0, 4095) - 2048, -2047, 2047) for p in range(4096)]
        nodes, scale = range(14), t["SCALE"]
        self.left = [
            [[self.counter(scale[14 * b + n] + t["LEFT"][12 * min(n, 2) + i], 8) for n in nodes] for i in range(12)]
            for b in range(26)
        ]
        self.prediction = [
            [
                [self.counter(scale[14 * b + n] + t["PREDICTION"][15 * min(n, 2) + i], 8) for n in nodes]
                for i in range(15)
            ]
            for b in range(26)
        ]
        self.around = [
            [self.counter(t["NODE"][n] + self.pattern(t["NEIGHBOURS"], min(n, 2), i), 4) for n in nodes]
            for i in range(81)
        ]
        self.sign_pair = [[self.counter(o, 4) for o in t["SIGN_PAIR"]] for _ in range(32)]
        self.sign_prediction = [self.counter(o, 6) for o in t["SIGN_PREDICTION"]]
        self.escape_size, self.escape_top = ([self.counter(0, 2) for _ in range(32)] for _ in range(2))
        self.low_bit = [[self.counter(0, 2) for _ in range(4)] for _ in range(16)]
        self.mixers = [[list(t["MIXER_START"]), 0] for _ in nodes] + [[list(t["SIGN_MIXER_START"]), 0]]
        self.weights, self.bias = t["SCALE_START"], 0
        self.shared = [t["TAPS_START"][8 * kind : 8 * kind + 8] for kind in range(3)]

    @staticmethod
    def pattern(odds: list[int], kind: int, i: int) -> int:
        digits = (i // 27, i // 9 % 3, i // 3 % 3, i % 3)
        return sum(odds[12 * kind + 3 * d + digit] for d, digit in enumerate(digits))

    def counter(self, odds: int, n: int) -> list[int]:
        return [64 * self.squash[clamp(16 * odds, -2047, 2047) + 2048], n]

    def hold(self, kind: int) -> None:
        for mixer in self.mixers:
            mixer[0] = [clamp(w, -(2**16), 2**16) for w in mixer[0]]
        self.weights = [clamp(w, -(2**22), 2**22) for w in self.weights]
        self.bias = clamp(self.bias, -(2**22), 2**22)
        self.shared[kind] = [clamp(w, -(2**18), 2**18) for w in self.shared[kind]]


def rate(n: int) -> int:
    return 655360 // (10 * n + 16)


def adapt(counter: list[int], bit: int, most: int) -> None:
    counter[0] += ((2**22 - 1 if bit else 0) - counter[0]) * rate(counter[1]) >> 16
    counter[1] = min(counter[1] + 1, most)


def read_plain(coder: RangeDecoder, counter: list[int]) -> int:
    bit = coder.bit(clamp(counter[0] >> 6, 32, 65504))
    adapt(counter, bit, 255)
    return bit


def read_mixed(coder: RangeDecoder, state: MixingState, mixer: list, counters: list, z: int) -> int:
    inputs = [state.stretch[p >> 10] * (256 * (10 * n + 3) // (10 * n + 15)) >> 8 for p, n in counters]
    inputs += [0] * (3 - len(counters)) + [z]
    weights, uses = mixer
    total = sum(w * x for w, x in zip(weights, inputs, strict=True))
    chance = state.squash[clamp(total >> 14, -2047, 2047) + 2048]
    bit = coder.bit(chance)
    step = ((65535 if bit else 0) - chance >> 4) * (48 + 11520 // (uses + 16)) >> 4
    mixer[:] = [[w + (x * step + 32768 >> 16) for w, x in zip(weights, inputs, strict=True)], min(uses + 1, 255)]
    for counter in counters:
        adapt(counter, bit, 1023)
    return bit


def decode_mixing(payload: bytes, specs: list) -> list[np.ndarray]:
    most = 2164 * (8 * len(payload) + 112)
    require(sum(math.prod(shape) for shape, _ in specs) <= most, PAYLOAD, "more symbols than the payload can hold")
    coder, state = RangeDecoder(payload), MixingState()
    arrays = [MixingWalk(coder, state, shape).read() for shape, _ in specs]
    coder.finish()
    finished = [(from_integers(a, DTYPES[dtype]), shape) for a, (shape, dtype) in zip(arrays, specs, strict=True)]
    return [a.reshape(shape) for a, shape in finished]


class MixingWalk:
    """Sections 8.3 to 8.5: the symbols of one array; letters are those of the text."""

    def __init__(self, coder: RangeDecoder, state: MixingState, shape: tuple) -> None:
        self.coder, self.state, self.size = coder, state, math.prod(shape)
        rank = len(shape)
        self.width = shape[-1] if rank >= 3 else 1
        height = math.prod(shape[2:-1]) if rank >= 3 else 1
        self.kernel = height * self.width
        self.row_size = math.prod(shape[1:]) if rank >= 2 else self.size
        self.kind = 0 if self.kernel == 1 else 1 if height == 1 else 2
        self.v: list[int] = []
        self.sum = 0
        self.column, self.channel = [0] * self.row_size, [0] * (self.row_size // max(self.kernel, 1))
        self.own: dict[int, list[int]] = {}

    def read(self) -> np.ndarray:
        if self.size:
            self.state.hold(self.kind)
        while len(self.v) < self.size:
            self.r, self.j = divmod(len(self.v), self.row_size)
            self.i, self.k = divmod(self.j, self.kernel)
            self.y, self.x = divmod(self.k, self.width)
            if self.j == 0:
                self.take_mean()
                self.row_mean = self.recent = self.less_recent = self.g
            features, scale = self.look()
            n, units, prediction = self.predict(scale)
            symbol = self.symbol(scale, n, prediction)
            self.learn(symbol, features, scale, n, units, prediction)
            if len(self.v) % 16 == 0:
                self.state.hold(self.kind)
        return np.array(self.v, np.int32)

    def s(self, up: int, right: int) -> int:
        """The clipped symbol so far up and right."""
        exists = 0 <= self.j + right < self.row_size and self.r >= up
        return clamp(self.v[len(self.v) - up * self.row_size + right], -16383, 16383) if exists else 0

    def take_mean(self) -> None:
        self.g = (self.sum + 8192) // (len(self.v) + 4)
        self.log_g = log2f(self.g + 4)

    def look(self) -> tuple[list[int], int]:
        g = self.g
        first_place = self.r == 0 and self.k == 0
        means = [
            self.row_mean + (g >> 5),
            self.column[self.j] + (g >> 4) if self.r else g,
            g if first_place else self.channel[self.i] + (g >> 4),
            self.recent + (g >> 1),
            self.less_recent + (g >> 3),
            min(abs(self.s(0, -self.kernel)), 2047) * 2**12 + g,
        ]
        features = [log2f(m + 4) - self.log_g for m in means]
        total = self.state.bias + sum(f * (w >> 8) for f, w in zip(features, self.state.weights, strict=True))
        return features, clamp(self.log_g + clamp(total >> 12, -1023, 1023), 0, 6143)

    def neighbours(self) -> list[int]:
        s, kernel, width, x, y = self.s, self.kernel, self.width, self.x, self.y
        if self.kind == 0:
            return [s(0, -1), s(1, 0), s(0, -2), s(1, -1), s(1, 1), s(2, 0), s(0, -3), s(2, -1)]
        near = s(0, -1) if x >= 1 else 0
        right = x + 1 < width
        if self.kind == 1:
            four = [near, s(0, -kernel), s(0, 1 - kernel) if right else 0, s(1, 0)]
            return [
                *four,
                s(0, -2) if x >= 2 else 0,
                s(0, -2 * kernel),
                s(2, 0),
                s(0, -kernel - 1) if x >= 1 else 0,
            ]
        four = [near, s(0, -width) if y >= 1 else 0, s(0, -kernel), s(1, 0)]
        corner = s(0, -width - 1) if x >= 1 and y >= 1 else 0
        return [*four, corner, s(0, 1 - width) if right and y >= 1 else 0, s(0, -2 * kernel), s(2, 0)]

    def unit(self, v: int, scale: int) -> int:
        shift = min(10, 20 - scale // 256)
        if shift < 0:
            return clamp(v >> -shift, -2047, 2047)
        return clamp(v, -(2047 >> shift), 2047 >> shift) * 2**shift

    def predict(self, scale: int) -> tuple[list[int], list[int], int]:
        n = self.neighbours()
        units = [self.unit(v, scale) for v in n]
        own = self.own.setdefault(self.k % 256, [0] * 8)
        total = sum((a + b >> 4) * m for a, b, m in zip(self.state.shared[self.kind], own, units, strict=True))
        return n, units, clamp(total >> 12, -2047, 2047)

    def symbol(self, scale: int, n: list[int], prediction: int) -> int:
        coder, state = self.coder, self.state
        ratio = prediction * (4096 // (16 + scale // 16 % 16)) >> 8
        lean = clamp(ratio + 32 >> 6, -7, 7)
        b, z = clamp(scale - 1280 >> 7, 0, 25), 4 * ((scale - 1280) % 128) - 256
        u = clamp(scale - 3200 >> 8, 0, 6)

        def coarse(v: int, most: int) -> int:
            return min(most, abs(v) + 2**u // 2 >> u)

        i_left = 3 * coarse(self.s(0, -1), 3) + coarse(self.s(0, -2), 2)
        i_around = 27 * coarse(n[3], 2) + 9 * coarse(n[2], 2) + 3 * coarse(n[0], 2) + coarse(n[1], 2)
        signs = [1 + (v > 0) - (v < 0) for v in n]

        def at_node(node: int, agreement: int) -> int:
            counters = [
                state.left[b][i_left][node],
                state.prediction[b][agreement][node],
                state.around[i_around][node],
            ]
            return read_mixed(coder, state, state.mixers[node], counters, z)

        agreement = abs(lean)
        if not at_node(0, agreement):
            return 0
        counters = [
            state.sign_pair[min(self.k, 31)][3 * signs[0] + signs[1]],
            state.sign_prediction[3 * (lean + 7) + signs[2]],
        ]
        negative = read_mixed(coder, state, state.mixers[14], counters, -2 * ratio)
        if lean and negative != (lean < 0):
            agreement += 7
        high = 0
        while high < 13 and at_node(high + 1, agreement):
            high += 1
        magnitude = 1 + self.low_bits(scale, high)
        require(magnitude < 2**31, PAYLOAD, "a magnitude above 2**31 - 1")
        return -magnitude if negative else magnitude

    def low_bits(self, scale: int, high: int) -> int:
        """Steps 4 and 5 of section 8.5: the magnitude less one."""
        coder, state, h = self.coder, self.state, max(0, scale // 256 - 13)
        top = state.low_bit[h][min(high, 3)]
        if high == 13:
            t = 2
            while t < 31 and read_plain(coder, state.escape_size[t]):
                t += 1
            rest = 2 + read_plain(coder, state.escape_top[t])
            for _ in range(t - 1):
                rest = rest << 1 | coder.bit(32768)
            high = rest + 9
        for i in range(h):
            high = high << 1 | (coder.bit(32768) if i else read_plain(coder, top))
        return high

    def learn(self, v: int, features: list[int], scale: int, n: list[int], units: list[int], prediction: int) -> None:
        state, clipped = self.state, clamp(v, -16383, 16383)
        if any(n):
            error = clamp(clamp(self.unit(clipped, scale), -1023, 1023) - prediction, -1023, 1023)
            own, shared = self.own[self.k % 256], state.shared[self.kind]
            for i, m in enumerate(units):
                own[i] = clamp(own[i] + (m * error + 2048 >> 12), -(2**18), 2**18)
                shared[i] += m * error + 256 >> 9
        q = min(abs(v), 2047) * 2**12
        expected = (256 + scale % 256) * 2 ** (scale // 256) >> 8
        t = (expected + 4096).bit_length() - 1
        error = min(2047, q - expected >> t - 8)
        state.weights = [w + (f * error + 32 >> 6) for w, f in zip(state.weights, features, strict=True)]
        state.bias += 2 * error

        def moved(m: int, count: int) -> int:
            return m + ((q - m) * rate(min(count, 1000)) >> 16)

        rows = min(self.r, 1000)
        first_place = self.r == 0 and self.k == 0
        self.column[self.j] = moved(self.column[self.j] if self.r else self.g, 3 + rows)
        self.channel[self.i] = moved(self.g if first_place else self.channel[self.i], 3 + rows * self.kernel + self.k)
        self.row_mean = moved(self.row_mean, 3 + self.j)
        self.recent += q - self.recent >> 2
        self.less_recent += q - self.less_recent >> 4
        self.sum += q
        self.v.append(v)
        if len(self.v) < 32 or (len(self.v) < 1024 and len(self.v) % 16 == 0):
            self.take_mean()


ALL_DTYPES = set(range(len(DTYPES)))
INTEGER_DTYPES = ALL_DTYPES - FLOATS
# number -> (dtypes that it carries, its decoder: payload, [(shape, dtype)] -> arrays)
CODERS = {
    0: (ALL_DTYPES, decode_raw),
    1: (INTEGER_DTYPES, decode_elias_gamma),
    2: (INTEGER_DTYPES, decode_context),
    3: (ALL_DTYPES, decode_float_planes),
    4: (INTEGER_DTYPES, decode_rice),
    5: (INTEGER_DTYPES, decode_rans),
    6: (INTEGER_DTYPES, decode_mixing),
}


def main(path: str) -> None:
    """List the tensors of a file."""
    tensors, metadata, _ = decode(Path(path).read_bytes())
    for key, value in metadata.items():
        print(f"{key}: {value}")
    for name, tensor in tensors.items():
        print(f"{name}: {tensor.dtype} {list(tensor.shape)}")


if __name__ == "__main__":
    main(sys.argv[1])
