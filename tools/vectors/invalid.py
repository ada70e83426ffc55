"""Invalid files: name -> (error number, the rule that it breaks, maker). One fault a file; all else in it is sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from vectors import bases
from vectors.build import (
    END,
    INTEGERS,
    VERBATIM,
    body,
    graph,
    group,
    head,
    metadata,
    names,
    number,
    payload,
    sha256,
    tensor,
    wcz,
)
from wcodec.container.layout import MAGIC, PREAMBLE, frame, leb128
from wcodec.container.writer import end_chunk
from wcodec.quantize import MAX_CODE, MIN_CODE

Make = Callable[[], bytes]

F32 = head("float32")
INT32 = head("int32", INTEGERS)
KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS, BANDS = range(6)
ONE = 320


def delta_head(base: Any = bytes(16), result: Any = bytes(16), whole: Any = ()) -> bytes:
    """A DELTA chunk."""
    return frame(b"D", msgpack.packb([base, result, list(whole)]))


ONE_TENSOR = tensor([F32, 2], "raw", [ONE], [1, -2])
ONE_GROUPED = names(grouped=["w"])


def record(wire: Any, coder: str = "raw", arrays: tuple[Any, ...] = ([ONE], [1, -2])) -> Make:
    """A file with one tensor of this record."""
    return lambda: wcz(names("w"), tensor(wire, coder, *arrays))


def options(**entries: Any) -> Make:
    """A float32 (2,) tensor whose record has these options."""
    keys = {"kind": KIND, "params": PARAMS, "heads": FACTOR_HEADS, "axes": STEP_AXES, "streams": STREAMS}
    return record([F32, 2, {keys[key]: value for key, value in entries.items()}])


def factored(kind: int, params: Any, heads: list[int] | None, *arrays: Any, shape: tuple[int, ...] = (2,)) -> Make:
    """A float32 tensor of another kind than dense, in one raw stream."""
    wire: dict[int, Any] = {KIND: kind, PARAMS: params}
    if heads is not None:
        wire[FACTOR_HEADS] = heads
    first = heads[0] if heads else F32
    return record([first // 16 * 16, *shape, wire], "raw", arrays)


def manifest(data: bytes, kind: bytes = b"T") -> Make:
    """A file with one tensor chunk of this body."""
    return lambda: wcz(names("w"), frame(kind, data))


def coded(coder: str, data: bytes, wire: Any = None) -> Make:
    """An int32 (2,) tensor whose payload is this."""
    return manifest(body([number(coder), wire or [INT32, 2]], data))


def floats(data: bytes) -> Make:
    """A float16 (2,) tensor, two planes, whose float_planes payload is this."""
    return coded("float_planes", data, [head("float16", VERBATIM), 2])


def name_table(data: bytes, tensors: int = 1) -> Make:
    """A file with this name table and a group of `tensors` tensors."""
    return lambda: wcz(
        frame(b"N", data), group([[F32, 1]] * tensors, "raw", [ONE] + [0] * (tensors - 1), *[[1]] * tensors)
    )


def chunks(*more: bytes, end: bytes = END) -> Make:
    """A sound tensor and these chunks after it."""
    return lambda: wcz(*_sound(), *more, end=end)


def ending(table: Any, span: int | None = None) -> Make:
    """A file whose END chunk holds `table`."""
    data = msgpack.packb(table)
    right = 1 + len(leb128(len(data) + 4)) + len(data) + 4 + 4
    return chunks(end=frame(b"E", data + (right if span is None else span).to_bytes(4, "little")))


def index(*pairs: tuple[int, int]) -> Make:
    """Chunks of 9, 23 and 11 bytes (names, tensor, metadata) with this index."""
    return ending([[v for pair in pairs for v in pair], None])


def spoiled(make: Make, offset: int, value: int) -> Make:
    """The file with one byte changed."""

    def changed() -> bytes:
        data = bytearray(make())
        data[offset] = value
        return bytes(data)

    return changed


def _sound() -> list[bytes]:
    return [names("w"), tensor([F32, 2], "raw", [ONE], [1, -2]), metadata({"a": "b"})]


sound = chunks()
nested = b"\x91" * 17 + b"\x00"
deep_graph: Any = {"a": 1}
for _ in range(16):
    deep_graph = {"a": deep_graph}

INVALID: dict[str, tuple[int, str, Make]] = {
    # 1-9: the file
    "magic_other": (1, "the magic is another", lambda: b"\x89PNG\r\n" + sound()[6:]),
    "magic_newlines": (1, "the magic lost its CR in a text-mode transfer", lambda: sound().replace(b"\r\n", b"\n", 1)),
    "magic_short": (1, "a short file that does not begin with the magic", lambda: b"WCZ"),
    "version_major": (2, "the major version is another", lambda: wcz(*_sound(), preamble=MAGIC + b"\1\0")),
    "version_minor": (2, "the draft is another", lambda: wcz(*_sound(), preamble=MAGIC + b"\0\xff")),
    "truncated_nothing": (3, "there are no bytes", lambda: b""),
    "truncated_preamble": (3, "the source ends within the preamble", lambda: PREAMBLE[:7]),
    "truncated_head": (3, "the source ends within the length of a chunk", lambda: PREAMBLE + b"N\x80"),
    "truncated_body": (3, "the source ends within a body", lambda: sound()[:24]),
    "truncated_crc": (3, "the source ends within a CRC-32", lambda: sound()[:-1]),
    "truncated_end": (3, "there is no END chunk", lambda: wcz(*_sound(), end=b"")),
    "crc_names": (4, "a changed byte in a name", spoiled(sound, 11, ord("v"))),
    "crc_type": (4, "a changed chunk type", spoiled(sound, 8, ord("M"))),
    "crc_end": (4, "a wrong CRC-32 of the END chunk", spoiled(sound, -1, 0)),
    "digest": (5, "the digest is of other bytes", chunks(end=end_chunk(None, sha256(b"other")))),
    "critical_unknown": (6, "a critical chunk of an unknown type", chunks(frame(b"X", b""))),
    "critical_no_letter": (6, "a chunk type that is no letter is critical", chunks(frame(b"\0", b""))),
    "end_twice": (7, "bytes follow the END chunk", chunks(end=END + END)),
    "graph_twice": (7, "a second graph", chunks(graph({}), graph({}))),
    "limit_chunk": (8, "a chunk that declares 2**40 bytes", lambda: wcz(b"N" + leb128(1 << 40))),
    "limit_rank": (8, "rank 17", record([F32, *[1] * 17])),
    "limit_elements": (8, "2**40 elements", record([F32, 1 << 40])),
    "limit_elements_empty": (
        8,
        "an empty tensor with an extent of 2**40",
        record([F32, 0, 1 << 40], arrays=([ONE], [])),
    ),
    "limit_product": (8, "2**64 elements, 0 in a 64-bit integer", record([F32, 1 << 32, 1 << 32])),
    "limit_factors": (8, "a codebook of few, indices of many", factored(3, [1], [F32, INT32], shape=(1 << 33,))),
    "index_size": (9, "the index gives a chunk another size", index((9, 0), (24, 1), (10, 0))),
    "index_sum": (9, "the index does not lead to the END chunk", index((9, 0), (23, 1))),
    "index_huge": (9, "the index leads beyond the file", index((9, 0), (1 << 63, 1), (11, 0))),
    "index_negative": (9, "the index holds a negative size", index((9, 0), (-23, 1), (11, 0))),
    "index_tensors": (9, "the index calls metadata a tensor", index((9, 0), (23, 0), (11, 1))),
    "index_group": (9, "the index calls a tensor a group", index((9, 0), (23, -1), (11, 0))),
    "index_empty": (9, "an empty index in a file with chunks", index()),
    # 20: records
    "manifest_integer": (20, "a manifest that is no array", manifest(b"\x01")),
    "manifest_empty": (20, "a manifest without streams", manifest(b"\x90")),
    "manifest_no_record": (20, "a manifest without records", manifest(b"\x91\x00")),
    "manifest_nothing": (20, "an empty body", manifest(b"")),
    "manifest_cut": (20, "a manifest that ends within an array", manifest(b"\x92\x00\x93\x00")),
    "manifest_huge_array": (20, "an array that declares 2**32 - 1 elements", manifest(b"\xdd\xff\xff\xff\xff\x00")),
    "manifest_extension": (20, "a msgpack extension type", manifest(b"\x92\x00\xd4\x01\x00")),
    "manifest_reserved": (20, "the msgpack byte that is not used", manifest(b"\x92\x00\xc1")),
    "manifest_deep": (20, "arrays nested 17 deep", manifest(nested)),
    "manifest_not_utf8": (
        20,
        "a string that is not UTF-8",
        manifest(body([0, [F32, 2, {KIND: "?"}]]).replace(b"?", b"\xff")),
    ),
    "streams_even": (20, "streams with an even number of entries", manifest(body([[0, 4], [F32]]) + bytes(8))),
    "streams_none": (20, "streams is an empty array", manifest(body([[], [F32]]) + bytes(8))),
    "streams_negative": (20, "a negative payload length", manifest(body([[0, -1, 0], [F32]]) + bytes(8))),
    "streams_bool": (20, "a coder that is a boolean", manifest(body([False, [F32]]) + bytes(8))),
    "streams_long": (20, "a payload beyond its chunk", manifest(body([[0, 9, 0], [F32]]) + bytes(8))),
    "streams_many": (20, "2049 streams", manifest(body([[0, 0] * 2048 + [0], [F32]]) + bytes(8))),
    "bands_none": (20, "a factor in 0 bands", record([F32, 2, {BANDS: [0]}])),
    "bands_many": (20, "a factor in 1025 bands", record([F32, 2, {BANDS: [1025]}])),
    "bands_streams": (20, "a band in a stream that is not there", record([F32, 2, {BANDS: [2]}])),
    "bands_rows": (
        20,
        "three bands of a vector of two elements",
        manifest(body([[0, 8, 0, 4, 0], [F32, 2, {BANDS: [3]}]])),
    ),
    "bands_scalar": (20, "two bands of a scalar", manifest(body([[0, 0, 0], [F32, {BANDS: [2]}]]))),
    "bands_shared": (
        20,
        "bands in a group",
        lambda: wcz(names(grouped=["v", "w"]), frame(b"G", body([[0, 0, 0], [F32, 2, {BANDS: [2]}], [F32, 1]]))),
    ),
    "record_integer": (20, "a record that is no array", record(5)),
    "record_empty": (20, "an empty record", record([])),
    "record_options_only": (20, "a record without a head", record([{KIND: 0}])),
    "record_two": (
        20,
        "two records in a tensor chunk",
        lambda: wcz(names("v", "w"), frame(b"T", body([0, [F32, 1], [F32, 1]], payload("raw", [ONE, 0], [1], [2])))),
    ),
    "head_negative": (20, "a negative head", record([-1, 2])),
    "head_bool": (20, "a head that is a boolean", record([True, 2])),
    "head_form": (20, "form 3", record([F32 + 16 * 3, 2])),
    "head_scan": (20, "scan 4", record([F32 + 64 * 4, 2])),
    "dimension_negative": (20, "a negative dimension", record([F32, -2])),
    "dimension_float": (20, "a dimension that is a float", record([F32, 2.0])),
    "options_unknown": (20, "an unknown option", record([F32, 2, {5: 0}])),
    "options_bool_key": (20, "an option whose key is a boolean", record([F32, 2, {True: []}])),
    "options_twice": (
        20,
        "an option that stands twice",
        manifest(b"\x92\x00\x93\x00\x02\x82\x00\x00\x00\x00" + payload("raw", [ONE], [1, 2])),
    ),
    "options_kind_nil": (20, "a kind that is nil", options(kind=None)),
    "options_params_integer": (20, "parameters that are no array", options(params=1)),
    "options_params_float": (20, "a parameter that is a float", options(kind=3, params=[1.0])),
    "options_params_nested": (20, "a parameter of nested arrays", options(kind=1, params=[[[0]]])),
    "options_params_many": (20, "65 parameters", options(params=[0] * 65)),
    "options_heads_empty": (20, "no factor heads", options(heads=[])),
    "options_heads_many": (20, "65 factor heads", options(heads=[F32] * 65)),
    "options_heads_other": (20, "a first factor head with another form", options(heads=[head("float32", VERBATIM)])),
    "options_axes_count": (20, "two step axes for one factor", options(axes=[0, 0])),
    "options_axes_rank": (20, "step axes beyond the rank", options(axes=[0b10])),
    "options_axes_large": (20, "step axes beyond axis 31", options(axes=[1 << 32])),
    "options_axes_verbatim": (
        20,
        "step axes of a factor without steps",
        record([head("float32", VERBATIM), 1, {STEP_AXES: [0]}], arrays=([1],)),
    ),
    "options_stream": (20, "a stream that the chunk does not have", options(streams=[1])),
    "options_stream_negative": (20, "a negative stream", options(streams=[-1])),
    "factors_missing": (
        20,
        "a low_rank record with one factor",
        factored(2, [1], None, [ONE], [1], [1, 2], shape=(2, 1)),
    ),
    "form_integer_quantized": (20, "integers as symbols with a step", record([head("int32"), 2])),
    "form_float_integers": (20, "floats as integers", record([head("float32", INTEGERS), 2], arrays=([1, 2],))),
    "dtype_dense": (20, "a dense tensor of another dtype than its factor", options(heads=[head("float16")])),
    "dtype_quantized_factor": (
        20,
        "a quantized float16 factor of a low_rank tensor",
        factored(2, [1], [F32, head("float16")], [ONE, 0], [1], [1, 2], shape=(1, 2)),
    ),
    "dtype_integer_factor": (
        20,
        "a kmeans index of floats",
        factored(3, [1], [F32, head("float32", VERBATIM)], [ONE], [1], np.zeros(2, "f4")),
    ),
    "dtype_float_factor": (20, "a kmeans codebook of integers", factored(3, [1], [INT32, INT32], [1], [0, 0])),
    "dtype_uint64_factor": (
        20,
        "a kmeans index of uint64",
        factored(3, [1], [F32, head("uint64", VERBATIM)], [ONE], [1], np.zeros(2, "u8")),
    ),
    "dtype_factored_integer": (
        20,
        "a kmeans tensor of integers",
        record([head("int32"), 2, {KIND: 3, PARAMS: [1], FACTOR_HEADS: [F32, INT32]}], arrays=([ONE], [1], [0, 0])),
    ),
    "coder_dtype": (
        20,
        "floats bit for bit under elias_gamma",
        record([head("float32", VERBATIM), 1], "elias_gamma", ([1],)),
    ),
    "length_longer": (20, "a chunk length that is not in its shortest form", lambda: wcz(b"N\x80\x00" + bytes(4))),
    "length_endless": (20, "a chunk length of ten bytes", lambda: wcz(b"N" + b"\xff" * 9 + b"\x01")),
    "metadata_integer": (20, "metadata that maps to an integer", chunks(metadata({"b": 1}))),
    "metadata_array": (20, "metadata that is no map", chunks(metadata(["b"]))),
    "metadata_twice": (20, "a key in two metadata chunks", chunks(metadata({"a": "c"}))),
    "metadata_trailing": (20, "bytes after the metadata", chunks(frame(b"m", b"\x80\x80"))),
    "graph_array": (20, "a graph that is no map", chunks(graph([]))),
    "graph_deep": (20, "a graph nested 17 deep", chunks(graph(deep_graph))),
    "end_integer": (20, "an END chunk that holds an integer", ending(0)),
    "end_short": (20, "an END chunk of 3 bytes", chunks(end=frame(b"E", bytes(3)))),
    "end_span": (20, "an END chunk that ends with another length", ending([None, None], span=99)),
    "end_one": (20, "an END chunk without a place for the digest", ending([None])),
    "end_digest": (20, "a digest of 31 bytes", ending([None, bytes(31)])),
    "end_index_odd": (20, "an index with an odd number of entries", ending([[9, 0, 23], None])),
    "end_index_bool": (20, "an index of booleans", ending([[True, False], None])),
    # 21: names
    "names_twice": (21, "a name that stands twice in a table", name_table(b"\x01w\0\x03\0", 2)),
    "names_twice_apart": (21, "a name that stands in two tables", chunks(names("w"))),
    "names_shared": (21, "a name that shares more than the name before it has", name_table(b"\x03w\0")),
    "names_open": (21, "a table that ends within a name", name_table(b"\x01w")),
    "names_open_escape": (21, "a table that ends within an escape", name_table(b"\x01\x1f")),
    "names_open_length": (21, "a table that ends within a length", name_table(b"\x81")),
    "names_long_length": (21, "a length of six bytes", name_table(b"\x81\x80\x80\x80\x80\x00w\0")),
    "names_longer_length": (21, "a length that is not in its shortest form", name_table(b"\x81\x00w\0")),
    "names_not_utf8": (21, "a name that is not UTF-8", name_table(b"\x01\xff\0")),
    "names_surplus": (21, "more names than tensors", lambda: wcz(names("v", "w"), _sound()[1])),
    "names_lacking": (21, "more tensors than names", lambda: wcz(names("w"), _sound()[1], _sound()[1])),
    "names_late": (21, "a name that comes after its tensor", lambda: wcz(_sound()[1], names("w"))),
    "names_grouped": (21, "a tensor chunk where the only name is grouped", lambda: wcz(ONE_GROUPED, ONE_TENSOR)),
    # 22-26: what a record means
    "kind_unknown": (22, "kind 99", options(kind=99)),
    "kind_negative": (22, "kind -1", options(kind=-1)),
    "kind_named": (22, "a user's own kind that is not registered", options(kind="mine")),
    "kind_named_builtin": (22, "a built-in kind by its name", options(kind="dense")),
    "coder_unknown": (23, "coder 99", manifest(body([99, [F32]]) + bytes(8))),
    "dtype_unknown": (24, "dtype 15", record([15, 2])),
    "params_surplus": (25, "a parameter of dense", options(params=[1])),
    "params_missing": (25, "kmeans without its levels", factored(3, [], [F32, INT32], [ONE], [1], [0, 0])),
    "params_type": (25, "kmeans levels that are a string", factored(3, ["1"], [F32, INT32], [ONE], [1], [0, 0])),
    "kmeans_no_level": (25, "kmeans without levels", factored(3, [0], [F32, INT32], [ONE], [], [])),
    "kmeans_many_levels": (25, "65,537 levels", factored(3, [65537], [F32, INT32], [ONE], [], [])),
    "kmeans_index": (25, "an index beyond the codebook", factored(3, [1], [F32, INT32], [ONE], [1], [0, 1])),
    "kmeans_index_negative": (25, "a negative index", factored(3, [1], [F32, INT32], [ONE], [1], [0, -1])),
    "sparse_count": (25, "more values than weights", factored(4, [3], [INT32, F32], [ONE], [1, 1], [1, 1, 1])),
    "sparse_count_negative": (25, "a negative count", factored(4, [-1], [INT32, F32], [ONE], [1, 1], [1])),
    "sparse_mask": (25, "a mask value of 2", factored(4, [2], [INT32, F32], [ONE], [2, 0], [1, 1])),
    "sparse_mask_sum": (25, "a mask of another count", factored(4, [1], [INT32, F32], [ONE], [1, 1], [1])),
    "low_rank_vector": (25, "low_rank of a vector", factored(2, [1], [F32, F32], [ONE, 0], [1], [1, 2])),
    "low_rank_rank": (
        25,
        "a rank above the smaller side",
        factored(2, [2], [F32, F32], [ONE, 0], [1, 1], [1, 1, 1, 1], shape=(1, 2)),
    ),
    "low_rank_zero": (25, "rank 0", factored(2, [0], [F32, F32], [ONE, 0], [], [], shape=(1, 2))),
    "low_rank_rows": (
        25,
        "row axes that leave no columns",
        factored(2, [1, 2], [F32, F32], [ONE, 0], [1, 1], [1], shape=(1, 2)),
    ),
    "rdft_vector": (25, "rdft of a weight without kernel axes", factored(1, [], None, [ONE], [1, 2])),
    "rdft_axes": (25, "rdft axes that do not ascend", factored(1, [[1, 0]], None, [ONE], [1, 2], shape=(2, 1))),
    "rdft_axis": (25, "an rdft axis beyond the rank", factored(1, [[2]], None, [ONE], [1, 2], shape=(2, 1))),
    "rdft_four_axes": (25, "rdft over four axes", factored(1, [], None, [ONE], [1], shape=(1,) * 6)),
    "rdft_extent": (25, "a kernel extent of 1,025", factored(1, [], None, [ONE], [1], shape=(1025, 1, 1))),
    "rdft_no_extent": (25, "a kernel extent of 0", factored(1, [], None, [], [], shape=(0, 1, 1))),
    **{
        name: (25, rule, factored(kind, params, None, [ONE], [0] * count, shape=shape))
        for name, (rule, kind, params, shape, count) in bases.INVALID.items()
    },
    "step_small": (26, "the step code below the smallest", record([F32, 2], arrays=([MIN_CODE - 1], [1, 2]))),
    "step_large": (26, "the step code above the largest", record([F32, 2], arrays=([MAX_CODE + 1], [1, 2]))),
    "step_empty": (26, "a step code out of range of an empty tensor", record([F32, 0], arrays=([MAX_CODE + 1], []))),
    # 40-41: payloads
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
    "delta_alone": (13, "a delta file without its base", lambda: wcz(delta_head(), names("w"), ONE_TENSOR)),
    "delta_late": (7, "a delta head behind a tensor", lambda: wcz(names("w"), ONE_TENSOR, delta_head())),
    "delta_short": (20, "a delta head of two entries", lambda: wcz(frame(b"D", msgpack.packb([bytes(16), bytes(16)])))),
    "delta_digest": (20, "a digest of 15 bytes", lambda: wcz(delta_head(bytes(15)))),
    "delta_text": (20, "a digest that is a string", lambda: wcz(delta_head("0123456789abcdef"))),
    "delta_falling": (20, "positions that do not rise", lambda: wcz(delta_head(whole=[1, 1]))),
    "delta_negative": (20, "a negative position", lambda: wcz(delta_head(whole=[-1]))),
    "delta_bool": (20, "a position that is a boolean", lambda: wcz(delta_head(whole=[True]))),
    "symbol_smallest": (41, "the symbol -2**31", coded("raw", b"\0\0\0\x80" + bytes(4))),
    "symbol_int8": (41, "128 in an int8", coded("raw", payload("raw", [128, 0]), [head("int8", INTEGERS), 2])),
    "symbol_uint8": (41, "-1 in a uint8", coded("raw", payload("raw", [-1, 0]), [head("uint8", INTEGERS), 2])),
    "symbol_bool": (41, "2 as a bool", coded("raw", payload("raw", [2, 0]), [head("bool", INTEGERS), 2])),
    "symbol_bool_verbatim": (41, "a bool of the byte 2", coded("raw", b"\2\0", [head("bool", VERBATIM), 2])),
}
