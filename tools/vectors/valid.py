"""Valid files: name -> (what it shows, bytes). Between them they use every part of the format."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vectors import bases
from vectors.build import (
    INTEGERS,
    VERBATIM,
    bits_of,
    body,
    differences,
    graph,
    group,
    head,
    indexed,
    metadata,
    names,
    number,
    payload,
    sha256,
    tensor,
    wcz,
)
from vectors.coders import coder, float_coder, rans_tables
from vectors.kinds import KINDS
from wcodec.container.layout import frame
from wcodec.container.writer import end_chunk
from wcodec.dtypes import DTYPES, dtype_of
from wcodec.quantize import MAX_CODE, MAX_SYMBOL, MIN_CODE
from wcodec.scans import SCANS, to_scan

F32 = head("float32")
KIND, PARAMS, FACTOR_HEADS, STEP_AXES, STREAMS, BANDS = range(6)
ONE = 320  # the step code of the step 1


def empty() -> bytes:
    """a file without tensors: no chunk but END"""
    return wcz()


def worked_example() -> bytes:
    """the file that wcz.md takes apart, section 10"""
    records = [[head("float32", scan="out_first"), 2, 3], [F32, 3]]
    kernel = np.array([[1, 0, -2], [0, 0, 3]], np.int32)
    arrays = [to_scan(kernel, "out_first"), [0, 0, 1]]
    return wcz(names(grouped=["dense/kernel", "dense/bias"]), group(records, "elias_gamma", [256, -16], *arrays))


def empty_names() -> bytes:
    """a file without tensors, with a name table"""
    return wcz(names())


def dtypes_verbatim() -> bytes:
    """every dtype bit for bit with the raw coder: NaN with a payload, infinities, negative zero, extreme integers"""
    arrays = {name: bits_of(name) for name in DTYPES}
    records = [[head(name, VERBATIM), *array.shape] for name, array in arrays.items()]
    return wcz(names(grouped=list(arrays)), group(records, "raw", *arrays.values()))


def dtypes_integers() -> bytes:
    """every integer dtype and bool as integers"""
    integers = [name for name in DTYPES if dtype_of(DTYPES[name]).kind in "iub"]
    arrays = [[0, 1, 1] if name == "bool" else [0, 127, 5 if name[0] == "u" else -128] for name in integers]
    records = [[head(name, INTEGERS), 3] for name in integers]
    return wcz(names(grouped=integers), group(records, "elias_gamma", *arrays))


def dtypes_quantized() -> bytes:
    """every float dtype as symbols times a step; 1 + 2**-8 rounds to even in bfloat16 and float8; overflow"""
    floats = [name for name in DTYPES if "float" in name]
    records = [[head(name), 4] for name in floats]
    steps = [ONE - 8 * 16] + [0] * (len(floats) - 1)
    return wcz(names(grouped=floats), group(records, "raw", steps, *[[0, 257, -3, 1 << 25]] * len(floats)))


def shapes() -> bytes:
    """a scalar, empty tensors, rank 5 and rank 16"""
    all_shapes = [(), (0,), (3, 0), (1, 2, 1, 2, 1), (1,) * 15 + (2,)]
    records = [[F32, *shape] for shape in all_shapes]
    arrays = [np.arange(1, 1 + np.prod(shape, dtype=int), dtype=np.int32) for shape in all_shapes]
    steps = [ONE] + [0] * (len(all_shapes) - 1)
    return wcz(names(grouped=[f"rank{len(s)}.{s[:1]}" for s in all_shapes]), group(records, "raw", steps, *arrays))


def scans() -> bytes:
    """every scan at ranks 0 to 5; the values count up in row-major order"""
    labels, records, arrays = [], [], []
    for scan in SCANS:
        for rank in range(6):
            shape = (2, 3, 2, 1, 2)[:rank]
            labels.append(f"{scan}.{rank}")
            records.append([head("int32", INTEGERS, scan), *shape])
            arrays.append(to_scan(np.arange(np.prod(shape, dtype=int), dtype=np.int32).reshape(shape), scan))
    return wcz(names(grouped=labels), group(records, "rice", *arrays))


def steps() -> bytes:
    """the smallest and the largest step code, the largest symbol, the sixteen steps of an octave"""
    extremes = [[F32, 2], [F32, 2]]
    octave = [F32, 16, {STEP_AXES: [0b1]}]
    codes = [MIN_CODE, MAX_CODE, *range(ONE, ONE + 16)]
    return wcz(
        names(grouped=["smallest", "largest", "octave"]),
        group([*extremes, octave], "raw", differences(codes), [1, -MAX_SYMBOL], [1, MAX_SYMBOL], [1] * 16),
    )


def steps_per_slice() -> bytes:
    """steps along axis 1, along axes 0 and 2, along all axes, along none although the kind has a default"""
    codes = [ONE, ONE + 16, ONE - 16, *range(ONE, ONE + 4), *range(ONE, ONE + 8), ONE - 48]
    records = [
        [F32, 2, 3, {STEP_AXES: [0b10]}],
        [F32, 2, 3, 2, {STEP_AXES: [0b101]}],
        [F32, 2, 2, 2, {STEP_AXES: [0b111]}],
        [F32, 2, 1, 1, {KIND: 1, STEP_AXES: [0]}],
    ]
    arrays = [[1] * 6, [1] * 12, [1] * 8, [3, 4]]
    labels = ["axis1", "axes02", "every", "rdft_without"]
    return wcz(names(grouped=labels), group(records, "elias_gamma", differences(codes), *arrays))


def streams() -> bytes:
    """three streams in a group: step codes only where symbols are, a coder twice, an empty payload"""
    records = [
        [F32, 2],
        [head("float32", VERBATIM), 2, {STREAMS: [1]}],
        [head("int8", INTEGERS), 2, {STREAMS: [2]}],
        [F32, 1, {STREAMS: [2]}],
        [head("float32", VERBATIM), 0, {STREAMS: [3]}],
    ]
    payloads = [
        payload("raw", [ONE], [5, -6]),
        payload("raw", np.array([1.5, -0.0], "f4")),
        payload("elias_gamma", [ONE - 16], [7, -8], [3]),
        b"",
    ]
    gamma = number("elias_gamma")
    manifest = [[0, len(payloads[0]), 0, len(payloads[1]), gamma, len(payloads[2]), 0], *records]
    return wcz(names(grouped=["a", "b", "c", "d", "e"]), frame(b"G", body(manifest, *payloads)))


def bands() -> bytes:
    """a matrix in three bands of rows, its axes turned, a step a column; a vector cut bit for bit from stream 1 on"""
    symbols = np.arange(-7, 8, dtype=np.int32).reshape(3, 5)
    turned = to_scan(symbols, "out_first")
    quantized = [head("float32", scan="out_first"), 3, 5, {STEP_AXES: [0b10], BANDS: [3]}]
    gamma, raw = number("elias_gamma"), number("raw")
    first = payload("elias_gamma", differences([ONE + 16 * i for i in range(5)]), turned[:1])
    second, third = payload("raw", turned[1:3]), payload("elias_gamma", turned[3:])
    manifest = [[gamma, len(first), raw, len(second), gamma], quantized]
    vector = [head("float16", VERBATIM), 4, {STREAMS: [1], BANDS: [2]}]
    halves = [payload("raw", np.array(half, "f2")) for half in ([1, -2], [0.5, 65504])]
    cut = [[gamma, 0, raw, len(halves[0]), raw], vector]
    return wcz(names("w", "v"), frame(b"T", body(manifest, first, second, third)), frame(b"T", body(cut, *halves)))


def order() -> bytes:
    """groups and tensors of their own in mixed order: model order is a B c d E f, groups are (a c) and (d f)"""
    entries = b"".join([_name("a", 1), _name("B", 0), _name("c", 1), _name("d", 1), _name("E", 0), _name("f", 1)])
    return wcz(frame(b"N", entries), *_two_groups_and_two_tensors())


def names_tables() -> bytes:
    """three NAMES chunks, one of them empty, between the tensors"""
    one = [F32, 1]
    return wcz(
        names("first"),
        tensor(one, "raw", [ONE], [1]),
        names(),
        names("firs", grouped=["first/kernel"]),
        group([one], "raw", [ONE], [2]),
        tensor(one, "raw", [ONE], [3]),
    )


def names_text() -> bytes:
    """names with tokens, control characters, UTF-8, a shared part that ends within a character, and an empty name"""
    labels = [
        "", "\0", "\x1f\x01", "conv2d/kernel", "conv2d/bias", "conv2d_1/kernel", "conv2d_1/bias",
        "layer4.1.downsample.0.weight", "é", "è", "日本/kernel", "\U0001f600", "x" * 200, "x" * 199,
    ]  # fmt: skip
    records = [[head("uint8", INTEGERS)]] * len(labels)
    return wcz(names(grouped=labels), group(records, "raw", *range(len(labels))))


def names_spelled_out() -> bytes:
    """names that use neither tokens nor sharing although they could: a reader does not ask for the shortest form"""
    labels = b"".join(bytes([1]) + text + b"\0" for text in (b"conv2d/kernel", b"conv2d/bias"))
    return wcz(frame(b"N", labels + b"\x01\x1fz\0"), group([[F32, 1]] * 3, "raw", [ONE, 0, 0], [1], [2], [3]))


def options_spelled_out() -> bytes:
    """a record whose options all say what they are when left out"""
    record = [F32, 2, {KIND: 0, PARAMS: [], FACTOR_HEADS: [F32], STEP_AXES: [None], STREAMS: [0]}]
    return wcz(names("w"), tensor(record, "raw", [ONE], [1, 2]))


def with_metadata() -> bytes:
    """two metadata chunks, the second one after the tensors"""
    return wcz(
        metadata({"epochs": "5", "licence": "Apache-2.0"}), names("w"), _one_tensor(), metadata({"": "\u00e9\0"})
    )


def with_graph() -> bytes:
    """a graph chunk; a reader that only decodes tensors need not understand it"""
    return wcz(names("w"), graph({"version": 1, "layers": [["dense", {"units": 1, "rate": 0.5}]]}), _one_tensor())


def with_unknown_ancillary() -> bytes:
    """ancillary chunks of types that nobody knows"""
    return wcz(frame(b"z", b"whatever"), names("w"), frame(b"x", b""), _one_tensor(), frame(b"z", b"\xff" * 3))


def with_index() -> bytes:
    """an index without a digest"""
    entries = b"".join([_name("a", 1), _name("B", 0), _name("c", 1), _name("d", 1), _name("E", 0), _name("f", 1)])
    chunks = [frame(b"N", entries), *_two_groups_and_two_tensors()]
    return indexed(*chunks, counts=[0, -2, 1, -2, 1])


def with_index_and_digest() -> bytes:
    """an index and a digest; metadata among the chunks"""
    return indexed(names("w"), _one_tensor(), metadata({"a": "b"}), counts=[0, 1, 0], digest=True)


def with_digest() -> bytes:
    """a digest without an index"""
    chunks = [names("w"), _one_tensor()]
    return wcz(*chunks, end=end_chunk(None, sha256(*chunks)))


def kind_rdft() -> bytes:
    """rdft over one, two and three axes, default and named axes, steps per frequency, a float16 weight"""
    records = [
        [F32, 3, 1, 2, {KIND: 1}],
        [head("float32", scan="out_first"), 2, 2, 1, 2, {KIND: 1}],
        [F32, 2, 3, 2, 1, 1, {KIND: 1}],
        [F32, 2, 3, {KIND: 1, PARAMS: [[1]]}],
        [head("float16"), 1, 4, 1, 1, {KIND: 1}],
    ]
    frequencies = [3, 4, 12, 3, 4]
    codes = [ONE - 16 + i for n in frequencies for i in range(n)]
    rng = np.random.default_rng(1)
    arrays = [rng.integers(-9, 10, n).astype(np.int32) for n in (6, 8, 12, 6, 4)]
    labels = [f"w{i}" for i in range(len(records))]
    return wcz(names(grouped=labels), group(records, "rice", differences(codes), *arrays))


def kind_low_rank() -> bytes:
    """low_rank of a matrix, of a kernel, with rows from the first axis, with float16 and float64 factors verbatim"""
    f16, f64 = head("float16", VERBATIM), head("float64", VERBATIM)
    records = [
        [F32, 2, 3, {KIND: 2, PARAMS: [1], FACTOR_HEADS: [F32, F32]}],
        [F32, 2, 1, 2, 3, {KIND: 2, PARAMS: [2], FACTOR_HEADS: [F32, F32], STEP_AXES: [0b10, 0b01]}],
        [F32, 2, 1, 2, {KIND: 2, PARAMS: [1, 1], FACTOR_HEADS: [F32, F32]}],
        [f16, 2, 2, {KIND: 2, PARAMS: [1], FACTOR_HEADS: [f16, f64], STREAMS: [1, 1]}],
    ]
    codes = [ONE, ONE - 16, *range(ONE, ONE + 4), ONE, ONE]
    symbols = [[1, -2], [3, 4, -5], [1, 2, 3, 4, 5, 6, 7, -8], [1, 0, -1, 2, 2, 2], [3, 4], [5, 6]]
    first = payload("elias_gamma", differences(codes), *symbols)
    second = payload("raw", np.array([[1.5], [-2]], "f2"), np.array([[3, 0.25]], "f8"))
    manifest = [[number("elias_gamma"), len(first), 0], *records]
    return wcz(names(grouped=["a", "b", "c", "d"]), frame(b"G", body(manifest, first, second)))


def kind_kmeans() -> bytes:
    """kmeans with a quantized codebook, with one of float32 and uint8 indices, with one level, with an empty index"""
    verbatim, index = head("float32", VERBATIM), head("int32", INTEGERS)
    records = [
        [F32, 2, 3, {KIND: 3, PARAMS: [3], FACTOR_HEADS: [F32, index]}],
        [verbatim, 4, {KIND: 3, PARAMS: [2], FACTOR_HEADS: [verbatim, head("uint8", VERBATIM)]}],
        [F32, 2, {KIND: 3, PARAMS: [1], FACTOR_HEADS: [F32, index]}],
        [head("bfloat16"), 0, {KIND: 3, PARAMS: [1], FACTOR_HEADS: [F32, index]}],
    ]
    arrays = [
        [-5, 0, 7], [2, 0, 1, 1, 0, 2],
        np.array([-0.1, 0.3], "f4"), np.array([1, 0, 0, 1], np.uint8),
        [9], [0, 0], [1], [],
    ]  # fmt: skip
    return wcz(names(grouped=["a", "b", "c", "d"]), group(records, "raw", differences([ONE, ONE, ONE]), *arrays))


def kind_sparse() -> bytes:
    """sparse with some, no and all values; a bool mask"""
    mask = head("int32", INTEGERS)
    records = [
        [F32, 2, 3, {KIND: 4, PARAMS: [2], FACTOR_HEADS: [F32 - F32 + mask, F32]}],
        [F32, 3, {KIND: 4, PARAMS: [0], FACTOR_HEADS: [mask, F32]}],
        [F32, 2, {KIND: 4, PARAMS: [2], FACTOR_HEADS: [head("bool", INTEGERS), head("float16", VERBATIM)]}],
    ]
    for record in records:
        record[0] = head("float32", INTEGERS)
    arrays = [[0, 1, 0, 0, 0, 1], [5, -6], [0, 0, 0], [], [1, 1], np.array([0.5, -2], "f2")]
    return wcz(names(grouped=["some", "none", "all"]), group(records, "raw", differences([ONE, ONE]), *arrays))


VALID: dict[str, Callable[[], bytes]] = {
    "worked_example": worked_example,
    "empty": empty,
    "empty_names": empty_names,
    "dtypes_verbatim": dtypes_verbatim,
    "dtypes_integers": dtypes_integers,
    "dtypes_quantized": dtypes_quantized,
    "shapes": shapes,
    "scans": scans,
    "steps": steps,
    "steps_per_slice": steps_per_slice,
    "streams": streams,
    "bands": bands,
    "order": order,
    "names_tables": names_tables,
    "names_text": names_text,
    "names_spelled_out": names_spelled_out,
    "options_spelled_out": options_spelled_out,
    "metadata": with_metadata,
    "graph": with_graph,
    "unknown_ancillary": with_unknown_ancillary,
    "index": with_index,
    "index_and_digest": with_index_and_digest,
    "digest": with_digest,
    "kind_rdft": kind_rdft,
    "kind_low_rank": kind_low_rank,
    "kind_kmeans": kind_kmeans,
    "kind_sparse": kind_sparse,
    **KINDS,
    "coder_raw": coder("raw"),
    "coder_elias_gamma": coder("elias_gamma"),
    "coder_rice": coder("rice"),
    "coder_context": coder("context"),
    "coder_rans": coder("rans"),
    "rans_tables": rans_tables,
    "coder_float_planes": float_coder("float_planes"),
    "coder_mixing": coder("mixing"),
    **bases.VALID,
}


def _name(text: str, grouped: int) -> bytes:
    return bytes([grouped]) + text.encode() + b"\0"


def _one_tensor() -> bytes:
    return tensor([F32, 2], "raw", [ONE], [1, -2])


def _two_groups_and_two_tensors() -> list[bytes]:
    return [
        group([[F32, 1], [F32]], "raw", [ONE, 0], [1], [3]),
        tensor([F32, 2], "raw", [ONE], [2, 2]),
        group([[F32, 1], [F32]], "raw", [ONE, 0], [4], [6]),
        tensor([F32, 2], "raw", [ONE], [5, 5]),
    ]
