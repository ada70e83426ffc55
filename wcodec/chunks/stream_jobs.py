"""Streams that wait to be decoded, and what of a factor's record they need (format_spec/wcz.md, streams)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..coders import ArraySpec, Coder, ScalingCoder
from ..errors import LimitError, StepCodeError, naming
from ..quantize import step_values
from ..records import FactorRecord, Form
from ..scans import SCANS, scanned_shape
from .encoder import band_rows

INT32 = np.dtype(np.int32)


@dataclass(frozen=True)
class Factor:
    """A factor record joined with what its factorization says of it."""

    tensor: int
    name: str
    shape: tuple[int, ...]
    record: FactorRecord
    step_shape: tuple[int, ...]
    is_difference: bool

    @property
    def spec(self) -> ArraySpec:
        """The whole factor as coders see it."""
        dtype = self.record.dtype if self.record.form is Form.VERBATIM else INT32
        if self.is_difference and self.record.form is Form.VERBATIM:
            dtype = np.dtype(f"i{dtype.itemsize}")  # of the bits
        return ArraySpec(scanned_shape(self.shape, self.record.scan), dtype)

    def band_spec(self, band: int) -> ArraySpec:
        """The rows of one band as their coder sees them."""
        whole = self.spec
        if self.record.bands == 1:
            return whole
        rows = band_rows(whole.shape, self.record.bands)[band]
        return ArraySpec((rows.stop - rows.start, *whole.shape[1:]), whole.dtype)

    @property
    def scales_by_rows(self) -> bool:
        """Whether a coder can multiply by the steps: one, or one a row of what it sees, of a factor in one piece."""
        varying = [axis for axis, extent in enumerate(self.step_shape) if extent > 1]
        outermost = list(SCANS[self.record.scan][1](len(self.shape))[:1]) if len(self.shape) > 1 else []
        return self.record.form is Form.QUANTIZED and self.record.bands == 1 and varying in ([], outermost)


class StreamJob(NamedTuple):
    """One stream that waits to be decoded; independent of all others, so any thread may do it.

    Attributes:
        coder: of the stream.
        payload: of the stream.
        pieces: the factors that have a band in it, and which band.
        blame: tensor to name where the payload is at fault.
    """

    coder: Coder
    payload: bytes | memoryview
    pieces: list[tuple[Factor, int]]
    blame: str

    @property
    def stepped(self) -> list[Factor]:
        """The quantized factors whose step codes the stream holds."""
        return [f for f, band in self.pieces if band == 0 and f.record.form is Form.QUANTIZED]

    @property
    def specs(self) -> list[ArraySpec]:
        """Of the arrays: step codes first where there are any."""
        steps = ArraySpec((sum(math.prod(f.step_shape) for f in self.stepped),), INT32)
        return [steps] * bool(self.stepped) + [factor.band_spec(band) for factor, band in self.pieces]

    def decode(self, into: np.ndarray | None = None) -> list[np.ndarray]:
        """The arrays; `into` as `Coder.decode` takes it.

        Raises:
            PayloadError: naming the tensor.
            LimitError: the declared arrays do not fit in memory.
        """
        with self._blame():
            return self.coder.decode(self.payload, self.specs, into)

    def decode_scaled(self, into: np.ndarray | None = None) -> list[np.ndarray]:
        """`decode`, but quantized factors as float32 values where the coder multiplies as it decodes."""
        if not self.stepped or not isinstance(self.coder, ScalingCoder):
            return self.decode(into)
        with self._blame():
            return self.coder.decode_scaled(self.payload, self.specs, self._steps_of)

    @contextmanager
    def _blame(self) -> Iterator[None]:
        try:
            with naming(self.blame):
                yield
        except MemoryError as e:
            raise LimitError("not enough memory for the declared arrays", tensor=self.blame) from e

    def _steps_of(self, done: list[np.ndarray]) -> np.ndarray | None:
        """Steps of the next array, known from the first one."""
        if not done:
            return None
        factor, _ = self.pieces[len(done) - 1]
        if not factor.scales_by_rows:
            return None
        codes = split_steps(done[0], self.stepped)[[id(f) for f in self.stepped].index(id(factor))]
        try:
            return step_values(codes.reshape(-1))
        except StepCodeError:
            return None  # found again, and blamed on its tensor, when the factor is restored


def split_steps(differences: np.ndarray, factors: list[Factor]) -> list[np.ndarray]:
    """Step codes of each factor, in its step shape, from the first differences of all of them."""
    codes = np.cumsum(differences.astype(np.int64))
    ends = np.cumsum([math.prod(factor.step_shape) for factor in factors])
    pieces = np.split(codes, ends[:-1])
    return [piece.reshape(factor.step_shape) for piece, factor in zip(pieces, factors, strict=True)]
