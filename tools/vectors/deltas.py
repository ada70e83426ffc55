"""Delta files: name -> (base vector, error number or 0, what it shows, bytes)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vectors.build import INTEGERS, VERBATIM, bits_of, delta_head, group, head, metadata, names, tensor, wcz
from vectors.valid import VALID
from wcodec.delta import read_content, write_delta
from wcodec.quantize import step_values
from wcodec.scans import to_scan

F32 = head("float32")
KIND, PARAMS, FACTOR_HEADS, STEP_AXES = range(4)
ONE = 320
RESULT = bytes(16)


def on(base: str, result: bytes, *chunks: bytes, whole: Sequence[int] = ()) -> bytes:
    """A delta file on a valid vector, with the digest of the file `result`."""
    digests = [read_content(data).digest()[:16] for data in (VALID[base](), result)]
    return wcz(delta_head(*digests, whole), *chunks)


def dense() -> bytes:
    """one symbol of the kernel moves by one; the steps and the bias stay"""
    records = [[head("float32", scan="out_first"), 2, 3], [F32, 3]]
    named = names(grouped=["dense/kernel", "dense/bias"])
    kernel = np.array([[1, 0, -2], [0, 1, 3]], np.int32)
    result = wcz(named, group(records, "raw", [256, -16], to_scan(kernel, "out_first"), [0, 0, 1]))
    moved = np.array([[0, 0, 0], [0, 1, 0]], np.int32)
    return on(
        "worked_example", result, named, group(records, "elias_gamma", [0, 0], to_scan(moved, "out_first"), [0] * 3)
    )


def steps() -> bytes:
    """the steps of all three tensors change: the symbols of the base are carried to them; one limit is reached"""
    records = [[F32, 2], [F32, 2], [F32, 16, {STEP_AXES: [0b1]}]]
    named = names(grouped=["smallest", "largest", "octave"])
    first = read_content(VALID["steps"]())
    codes = [np.asarray(t.factors[0].codes).ravel() for t in first.tensors.values()]
    moves = [np.array([40]), np.array([-1]), np.array([-5, 3] * 8)]
    arrays = [[5, 0], [2, 0], [0, 1] * 8]
    found = []
    for tensor_, code, move, array in zip(first.tensors.values(), codes, moves, arrays, strict=True):
        old = _steps(code) * tensor_.factors[0].array.astype(np.float64)
        limit = 2**31 - 1
        found.append((np.clip(np.rint(old / _steps(code + move)), -limit, limit).astype(np.int64) + array).tolist())
    new = np.concatenate([code + move for code, move in zip(codes, moves, strict=True)])
    result = wcz(named, group(records, "raw", np.diff(new, prepend=0).tolist(), *found))
    shifts = np.diff(np.concatenate(moves), prepend=0).tolist()
    return on("steps", result, named, group(records, "raw", shifts, *arrays))


def verbatim() -> bytes:
    """bits of every dtype: each element becomes the next one of its list, over zero, infinities and the wrap"""
    base = read_content(VALID["dtypes_verbatim"]())
    labels = list(base.tensors)
    records = [[head(name, VERBATIM), *bits_of(name).shape] for name in labels]
    rolled = {name: np.roll(bits_of(name), 1) for name in labels}
    named = names(grouped=labels)
    result = wcz(named, group(records, "raw", *rolled.values()))
    arrays = [_ordered(rolled[name]) - _ordered(bits_of(name)) for name in labels]
    return on("dtypes_verbatim", result, named, group(records, "raw", *arrays))


def factored() -> bytes:
    """codebook and indices of k-means"""
    base, changed = (read_content(VALID["kind_kmeans"]()) for _ in range(2))
    for name, coded in base.tensors.items():
        last = coded.factors[-1]
        array = np.where(np.arange(last.array.size).reshape(last.array.shape) == 0, 0, last.array)
        factors = (*coded.factors[:-1], last._replace(array=array.astype(last.array.dtype)))
        changed.tensors[name] = type(coded)(coded.record, factors)
    return write_delta(changed, base).data


def whole() -> bytes:
    """a tensor that the base stores otherwise, a new one, one that is gone, another order; metadata is replaced"""
    named = names(grouped=["new", "dense/bias", "dense/kernel"])
    kernel = [head("int8", INTEGERS), 2]
    result = wcz(named, group([[F32, 1], [F32, 3], kernel], "raw", [ONE, 240 - ONE], [7], [0, 1, 1], [1, 2]))
    stored = group([[F32, 1], [F32, 3], kernel], "raw", [ONE, -ONE], [7], [0, 1, 0], [1, 2])
    return on("worked_example", result, metadata({"version": "2"}), named, stored, whole=[0, 2])


def inherited() -> bytes:
    """graph and metadata of the base stay where the file has none"""
    base = read_content(VALID["graph"]())
    return write_delta(base, base).data


def same(
    result: bytes = RESULT,
    records: Any = None,
    whole: Sequence[int] = (),
    bias: Sequence[int] = (0, 0, 0),
    steps: Sequence[int] = (0, 0),
) -> bytes:
    """A file for worked_example with one fault."""
    stored = group(records or [[F32, 2, 3], [F32, 3]], "raw", list(steps), [[0] * 3] * 2, list(bias))
    return wcz(delta_head(_example_digest(), result, whole), names(grouped=["dense/kernel", "dense/bias"]), stored)


def unnamed() -> bytes:
    """A file for worked_example with a tensor that the base lacks."""
    base = _example_digest()
    return wcz(delta_head(base, RESULT), names("other"), tensor([F32, 1], "raw", [ONE], [1]))


def _example_digest() -> bytes:
    return read_content(VALID["worked_example"]()).digest()[:16]


Case = tuple[str, int, str, Callable[[], bytes]]

DELTAS: dict[str, Case] = {
    **{f.__name__: (base, 0, f.__doc__ or "", f) for base, f in (
        ("worked_example", dense), ("steps", steps), ("dtypes_verbatim", verbatim), ("kind_kmeans", factored),
        ("worked_example", whole), ("graph", inherited),
    )},
    "base_other": ("empty", 14, "a base of another digest", dense),
    "result_other": ("worked_example", 15, "not the model that the head names", same),
    "record_other": ("worked_example", 15, "a record that the base does not have",
                     lambda: same(records=[[F32, 3, 2], [F32, 3]])),
    "form_other": ("worked_example", 15, "a form that the base does not have",
                   lambda: same(records=[[F32, 2, 3], [head("int32", INTEGERS), 3]], steps=[0])),
    "name_other": ("worked_example", 15, "a tensor that the base does not have", unnamed),
    "whole_beyond": ("worked_example", 15, "a whole tensor behind the last name",
                     lambda: same(_example_digest(), whole=[2])),
    "symbol_sum": ("worked_example", 41, "a symbol and its difference beyond 2**31 - 1",
                   lambda: same(_example_digest(), bias=(0, 0, 2**31 - 1))),
}  # fmt: skip


def _steps(codes: np.ndarray) -> np.ndarray:
    return step_values(codes).astype(np.float64)


def _ordered(array: np.ndarray) -> np.ndarray:
    bits = array.view(f"i{array.dtype.itemsize}")
    is_float = array.dtype.kind not in "iub"
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits) if is_float else bits
