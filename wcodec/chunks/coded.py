"""A tensor between the quantizer and the coder: records with the arrays that coders carry.

Encoders lay these out in streams, decoders get them back; a delta is a difference of two of them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..records import FactorRecord, TensorRecord


class CodedFactor(NamedTuple):
    """One factor.

    Attributes:
        name: of the factor.
        record: how it is stored.
        array: symbols, integers or elements, in the factor's own order of axes.
        codes: step codes where it is quantized, in the shape of its step axes.
    """

    name: str
    record: FactorRecord
    array: np.ndarray
    codes: np.ndarray | None


@dataclass(frozen=True)
class CodedTensor:
    """One tensor.

    Attributes:
        record: how it is stored; its factors' records are those of `factors`.
        factors: in the order of the record.
    """

    record: TensorRecord
    factors: tuple[CodedFactor, ...]

    @property
    def plain_record(self) -> TensorRecord:
        """The record without what only places its arrays in a file: scans, streams, bands."""
        factors = tuple(dataclasses.replace(f.record, scan="as_is", stream=0, bands=1) for f in self.factors)
        return dataclasses.replace(self.record, factors=factors)
