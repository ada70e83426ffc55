"""One factor on its way in: the arrays of its bands, as a coder gives them, become its values.

The values are written where they stay, band by band, so that a large factor is in memory once and not three times:
as symbols, in the order of its scan, and as floats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..errors import LimitError, SymbolError
from ..quantize import MAX_SYMBOL, step_values
from ..records import FactorRecord, Form
from ..scans import SCANS, from_scan
from .encoder import band_rows

BLOCK_ELEMENTS = 1 << 16  # that are converted in place at a time


class Assembly:
    """A factor that grows.

    Attributes:
        value: the factor in its own shape; whole after the last band. float32 where it is quantized.
    """

    def __init__(self, name: str, shape: tuple[int, ...], record: FactorRecord, codes: np.ndarray | None) -> None:
        """Make room.

        Args:
            name: of the factor, for messages.
            shape: of the factor.
            record: how it is stored.
            codes: its step codes, of its rank, where it is quantized.

        Raises:
            StepCodeError: a code outside the range of the format.
            LimitError: no room.
        """
        self._name, self._record = name, record
        order = SCANS[record.scan][1](len(shape))
        dtype = np.dtype(np.float32) if codes is not None else record.dtype
        try:
            self.value = np.empty(shape, dtype)
        except MemoryError as e:
            raise LimitError(f"not enough memory for a factor of shape {shape}") from e
        self._scanned = self.value.transpose(order)  # a view: what is written in scan order lands in its place
        self._steps = None if codes is None else step_values(codes).transpose(order)
        self._rows = band_rows(self._scanned.shape, record.bands)

    def put(self, band: int, array: np.ndarray) -> None:
        """Take the array of a band.

        Raises:
            SymbolError: an element that the factor cannot hold.
        """
        rows = self._rows[band] if self._record.bands > 1 else ...
        if self._steps is not None and array.dtype.kind == "f":  # multiplied by the coder, in one piece
            self.value = from_scan(array, self._record.scan)
            return
        if self._record.form is Form.VERBATIM:
            if array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
                raise SymbolError(f"a bool of factor {self._name!r} is neither 0 nor 1")
            self._scanned[rows] = array
            return
        self._check_symbols(array)
        if self._steps is None:
            self._scanned[rows] = array
            return
        target = self._scanned[rows]
        steps = self._steps[rows] if self._record.bands > 1 and self._steps.shape[0] != 1 else self._steps
        if not np.may_share_memory(array, target):
            _multiply(array, steps, target)
            return
        # Symbols in the place of their values: numpy copies what it would overwrite, so a few rows at a time.
        for block in _blocks(target.shape):
            _multiply(array[block], steps[block] if steps.shape[0] != 1 else steps, target[block])

    def room(self, band: int) -> np.ndarray | None:
        """The place of a band's values as int32 (n,), for its symbols; None where these lie in another order."""
        target = self._scanned[self._rows[band]]
        if self._steps is None or not target.flags.c_contiguous:
            return None
        return target.reshape(-1).view(np.int32)

    def _check_symbols(self, array: np.ndarray) -> None:
        if not array.size:
            return
        dtype, low, high = self._record.dtype, int(array.min()), int(array.max())
        if low < -MAX_SYMBOL:
            raise SymbolError("a symbol is outside the symmetric int32 range")
        if self._record.form is Form.INTEGERS:
            smallest, largest = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            if not smallest <= low <= high <= largest:
                raise SymbolError(f"a value of factor {self._name!r} does not fit {dtype}")


def _multiply(symbols: np.ndarray, steps: np.ndarray, out: np.ndarray) -> None:
    """float32(symbol) * step, one IEEE float32 multiplication an element."""
    np.multiply(symbols, steps, out=out, dtype=np.float32, casting="same_kind")


def _blocks(shape: tuple[int, ...]) -> Iterator[slice]:
    rows = max(1, BLOCK_ELEMENTS // max(1, math.prod(shape[1:])))
    return (slice(start, start + rows) for start in range(0, shape[0], rows))
