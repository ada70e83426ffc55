"""Delta files: the digest of a model, and differences from it (delta.md)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from .conventions import read_whole
from .elements import DTYPES, FLOATS, INT32, QUANTIZED, VERBATIM
from .errors import BASE_MISMATCH, BASE_MISSING, DELTA, RECORD, SYMBOL, require
from .records import Factor, Record

if TYPE_CHECKING:
    from .file import File


def model_digest(file: File) -> bytes:
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


def read_delta_head(body: bytes, file: File) -> list:
    head = read_whole(body, file.limits)
    require(type(head) is list and len(head) == 3, RECORD, "a delta head is [base, result, whole]")
    require(all(type(d) is bytes and len(d) == 16 for d in head[:2]), RECORD, "digests of 16 bytes")
    whole = head[2]
    require(type(whole) is list and all(type(p) is int and p >= 0 for p in whole), RECORD, "positions")
    require(whole == sorted(set(whole)), RECORD, "rising positions")
    require(file.base is not None, BASE_MISSING, "a delta file needs its base")
    require(model_digest(file.base)[:16] == head[0], BASE_MISMATCH, "a delta for another base")
    return head


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
