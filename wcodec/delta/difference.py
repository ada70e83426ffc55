"""One tensor as the difference from another, and back (format_spec/delta.md, differences).

The arithmetic is on integers: of symbols, after those of the base were carried to the new steps; of integers; of the
bits of elements, in an order that follows the numbers they stand for.
"""

from __future__ import annotations

import numpy as np

from ..chunks.coded import CodedFactor, CodedTensor
from ..dtypes import is_float
from ..errors import DeltaError, SymbolError
from ..quantize import MAX_SYMBOL, step_values
from ..records import Form


def difference(tensor: CodedTensor, base: CodedTensor | None) -> CodedTensor | None:
    """`tensor` less `base`; None where their records differ or a difference of symbols is no symbol."""
    if base is None or tensor.plain_record != base.plain_record:
        return None
    factors = []
    for new, old in zip(tensor.factors, base.factors, strict=True):
        factor = _subtract(new, old)
        if factor is None:
            return None
        factors.append(factor)
    return CodedTensor(tensor.record, tuple(factors))


def rebuilt(tensor: CodedTensor, base: CodedTensor | None) -> CodedTensor:
    """The tensor that `tensor` is the difference of.

    Raises:
        DeltaError: the base has no tensor with this record.
        SymbolError: a sum outside the symbols.
    """
    if base is None:
        raise DeltaError("the base has no tensor of this name")
    if tensor.plain_record != base.plain_record:
        raise DeltaError("the base stores this tensor in another way")
    pairs = zip(tensor.factors, base.factors, strict=True)
    return CodedTensor(tensor.record, tuple(_add(factor, old) for factor, old in pairs))


def _add(factor: CodedFactor, base: CodedFactor) -> CodedFactor:
    if factor.record.form is Form.VERBATIM:
        return factor._replace(array=_from_ordered(_ordered(base.array) + factor.array, factor.record.dtype))
    codes = None
    if factor.codes is not None and base.codes is not None:
        codes = factor.codes + base.codes
    total = factor.array.astype(np.int64) + _carried(base, codes)
    if total.size and max(int(total.max()), -int(total.min())) > MAX_SYMBOL:
        raise SymbolError("a symbol of the base and its difference exceed the symbols of the format")
    return factor._replace(array=total.astype(np.int32), codes=codes)


def _subtract(new: CodedFactor, old: CodedFactor) -> CodedFactor | None:
    if new.record.form is Form.VERBATIM:
        return new._replace(array=_ordered(new.array) - _ordered(old.array))
    codes = None
    if new.codes is not None and old.codes is not None:
        codes = new.codes - old.codes
    array = new.array.astype(np.int64) - _carried(old, new.codes)
    if array.size and max(int(array.max()), -int(array.min())) > MAX_SYMBOL:
        return None
    return new._replace(array=array.astype(np.int32), codes=codes)


def _carried(base: CodedFactor, codes: np.ndarray | None) -> np.ndarray:
    """Symbols of the base, int64, at the steps `codes`: two float64 operations and a rounding, ties to even."""
    if codes is None or base.codes is None or np.array_equal(codes, base.codes):
        return base.array.astype(np.int64)
    values = base.array.astype(np.float64) * step_values(base.codes).astype(np.float64)
    carried = np.rint(values / step_values(codes).astype(np.float64))
    return np.clip(carried, -MAX_SYMBOL, MAX_SYMBOL).astype(np.int64)


def _ordered(array: np.ndarray) -> np.ndarray:
    """The bits of elements as signed integers of their width; those of floats in the order of the floats."""
    bits = np.ascontiguousarray(array).view(f"i{array.dtype.itemsize}").reshape(array.shape)
    return _flipped(bits) if is_float(array.dtype) else bits


def _from_ordered(ordered: np.ndarray, dtype: np.dtype) -> np.ndarray:
    bits = _flipped(ordered) if is_float(dtype) else ordered
    return np.ascontiguousarray(bits).view(dtype).reshape(ordered.shape)


def _flipped(bits: np.ndarray) -> np.ndarray:
    """All bits but the sign inverted where the sign is set; its own inverse."""
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)
