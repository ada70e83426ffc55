"""What a tensor costs and loses, factored and quantized in many ways: its size-error curve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgpack
import numpy as np

from ..chunks.encoder import ChunkItem, Profile, encode_chunk
from ..errors import SymbolError
from ..factorizations import FactoredWeight, Factorization
from ..frontends.protocol import NamedTensor
from ..quantize import from_symbols, step_code_at_most, to_symbols
from ..records import DENSE
from .candidates import candidates

# Steps over the root mean square of a factor. The first is that of near-lossless coding.
OF_WEIGHTS = (2**-6, 2**-4, 2**-3, 2**-2, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
OF_FACTORS = (2**-5, 2**-3, 2**-2, 2**-1)


@dataclass(frozen=True)
class Point:
    """One way to keep a tensor.

    Attributes:
        weight: its factors and steps.
        fraction: step over root mean square, of every quantized factor.
        nbytes: in the file, measured: payload and record.
        error: relative Frobenius error of the decoded tensor.
    """

    weight: FactoredWeight
    fraction: float
    nbytes: int
    error: float

    @property
    def kind(self) -> str:
        """Of the factorization."""
        return self.weight.factorization.kind

    def __repr__(self) -> str:
        return f"Point({self.weight.factorization}, {self.nbytes:,} bytes, error {self.error:.4f})"


def measure(tensor: NamedTensor, kinds: Iterable[str], profile: Profile) -> list[Point]:
    """Points of every candidate of the kinds, in no order; the first one is dense and near-lossless.

    Args:
        tensor: a float array with values other than zero, all finite.
        kinds: names of `CANDIDATES`.
        profile: the coders.
    """
    points: list[Point] = []
    array = np.asarray(tensor.value)
    for kind in kinds:
        for factorization in candidates(kind, array.shape, tensor.scan):
            points += _points(tensor, array, factorization, profile)
    return points


def _points(tensor: NamedTensor, array: np.ndarray, factorization: Factorization, profile: Profile) -> Iterator[Point]:
    exact = array.astype(np.float32)
    factors = factorization.fit(exact)
    for fraction in OF_WEIGHTS if factorization.number == DENSE else OF_FACTORS:
        try:
            yield _point(tensor, array.dtype, exact, FactoredWeight(factorization, factors), fraction, profile)
        except SymbolError:  # a step too small for a factor with few large entries
            continue


def _point(
    tensor: NamedTensor, dtype: np.dtype, exact: np.ndarray, weight: FactoredWeight, fraction: float, profile: Profile
) -> Point:
    factorization, codes, decoded = weight.factorization, {}, {}
    for name, values in weight.factors.items():
        decoded[name] = values
        size = float(np.sqrt(np.square(values, dtype=np.float64).mean())) if values.size else 0.0
        # Codebooks and lengths of columns are few, and every weight depends on them.
        share = fraction if values.ndim > 1 and name != "codebook" else min(fraction, 2**-8)
        if name not in factorization.integer_factors and size > 0:
            codes[name] = np.asarray(step_code_at_most(size * share))
            decoded[name] = from_symbols(to_symbols(values, codes[name]), codes[name])
    quantized = FactoredWeight(factorization, weight.factors, codes, dtype)
    records, streams = encode_chunk([ChunkItem(tensor.name, quantized, dtype, tensor.scan)], profile)
    nbytes = sum(len(s.payload) for s in streams) + len(msgpack.packb([0, *(r.to_wire() for r in records)]))
    error = np.linalg.norm(factorization.reconstruct(decoded) - exact) / np.linalg.norm(exact)
    return Point(quantized, fraction, nbytes, float(error))


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both size and error, from the smallest up."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p.nbytes, p.error)):
        if not kept or point.error < kept[-1].error:
            kept.append(point)
    return kept
