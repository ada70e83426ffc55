"""suggest(): kind, rank and step of every tensor for a target, by measured bytes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..dtypes import is_float
from ..errors import NonFiniteError, OptionError
from ..factorizations import Factorization
from ..factorizations.factory import FactorizationFactory
from ..frontends import find_frontend
from ..frontends.protocol import NamedTensor
from .candidates import CANDIDATES, USUAL
from .measuring import Point, frontier, measure

SMALLEST = 512  # elements; a smaller tensor, or a vector, is kept near-lossless
TRIES = 40  # of the exchange rate between bytes and error


@dataclass(frozen=True)
class Row:
    """What is suggested for one tensor.

    Attributes:
        name: of the tensor.
        shape: of the tensor.
        chosen: how it is kept.
        dense_nbytes: of the smallest dense coding with no larger an error; never less than those of `chosen`.
        points: all that was measured, for a curve.
    """

    name: str
    shape: tuple[int, ...]
    chosen: Point
    dense_nbytes: int
    points: tuple[Point, ...] = field(repr=False)

    @property
    def rank(self) -> str:
        """The parameters of the kind: "rank=20"; of dense none."""
        return parameters_of(self.chosen.weight.factorization)


@dataclass(frozen=True)
class Suggestion:
    """A kind, a rank and steps for every tensor that is worth it; `wcodec.encode(suggestion.weights, dst)` writes it.

    Attributes:
        rows: one for each tensor with a choice.
        weights: every tensor of the model as `encode` takes it, in model order.
        nbytes: of the whole file, measured.
    """

    rows: tuple[Row, ...]
    weights: dict[str, NamedTensor] = field(repr=False)
    nbytes: int

    @property
    def factorizations(self) -> dict[str, FactorizationFactory]:
        """Name -> factory, of the tensors that are not kept dense: for `encode` and `wcodec.train`."""
        chosen = {row.name: row.chosen.weight.factorization for row in self.rows if row.chosen.kind != "dense"}
        return {name: _constant(factorization) for name, factorization in chosen.items()}

    def plot(self, path: Any, names: Iterable[str] | None = None) -> None:
        """Size-error curves, one panel a tensor and one line a kind, as an image file; needs the extra plot."""
        from .curves import plot_rows

        wanted = None if names is None else set(names)
        plot_rows([row for row in self.rows if wanted is None or row.name in wanted], path)

    def __repr__(self) -> str:
        return f"Suggestion({len(self.rows)} tensors, {self.nbytes:,} bytes)"


def suggest(
    model: Any,
    *,
    target_bytes: int | None = None,
    max_error: float | None = None,
    kinds: Iterable[str] = USUAL,
    coder: str = "context",
    progress: Callable[[int, int, str], None] | None = None,
) -> Suggestion:
    """Choose for every matrix and kernel of a model how it is kept.

    Each is factored by every candidate of every kind, its factors are quantized with several steps and coded, and the
    error of what a decoder would find is taken. With `target_bytes` the choice has the least squared error of all
    weights together that the whole file has room for; with `max_error` it is the smallest of each tensor whose
    relative error keeps to it. Dense coding with coarser steps is among the candidates, so no choice is larger than it.

    Args:
        model: as `encode` takes it; not changed.
        target_bytes: of the whole file, reached from below.
        max_error: relative Frobenius error of every tensor.
        kinds: names of `CANDIDATES` to try; "dense" is always among them.
        coder: a profile of `encode` to measure with; the file may be written with another.
        progress: called after each tensor with (tensors done, of how many, its name).

    Raises:
        OptionError: no target or two, an unknown kind, or a target that the smallest choice of all exceeds.
        NonFiniteError: NaN or infinity in a tensor; names it.
    """
    kinds = tuple(dict.fromkeys(("dense", *kinds)))
    _check(target_bytes, max_error, kinds)
    from ..encoding.encoder import encode
    from ..encoding.profiles import PROFILES

    if coder not in PROFILES:
        raise OptionError(f"coder {coder!r} is not one of {', '.join(PROFILES)}")
    tensors = {t.name: t for t in find_frontend(model).tensors(model)}
    measured: dict[str, list[Point]] = {}
    for number, tensor in enumerate(tensors.values()):
        if _is_worth_it(tensor):
            measured[tensor.name] = measure(tensor, kinds, PROFILES[coder])
        if progress is not None:
            progress(number + 1, len(tensors), tensor.name)

    def file_of(chosen: Mapping[str, Point]) -> tuple[dict[str, NamedTensor], int]:
        weights = {n: t.with_value(chosen[n].weight) if n in chosen else t for n, t in tensors.items()}
        return weights, encode(weights, coder=coder).nbytes

    if max_error is not None:
        chosen = {name: _within(points, max_error) for name, points in measured.items()}
    else:
        chosen = _fitting(measured, int(target_bytes or 0), file_of)
    rows = tuple(_row(tensors[name], point, measured[name]) for name, point in chosen.items())
    return Suggestion(rows, *file_of(chosen))


def parameters_of(factorization: Factorization) -> str:
    """The parameters of a factorization that are not their defaults, as text."""
    fields = dataclasses.fields(factorization)[1:]
    given = [(f.name, getattr(factorization, f.name)) for f in fields if getattr(factorization, f.name) != f.default]
    return " ".join(f"{name}={'x'.join(map(str, v)) if isinstance(v, tuple) else v}" for name, v in given)


def _check(target_bytes: int | None, max_error: float | None, kinds: Iterable[str]) -> None:
    if (target_bytes is None) == (max_error is None):
        raise OptionError("give target_bytes or max_error, and not both")
    if target_bytes is not None and target_bytes <= 0:
        raise OptionError(f"target_bytes={target_bytes} is not positive")
    if max_error is not None and not 0 < max_error < 1:
        raise OptionError(f"max_error={max_error} is not between 0 and 1")
    for kind in kinds:
        if kind not in CANDIDATES:
            raise OptionError(f"kind {kind!r} is not one of {', '.join(CANDIDATES)}")


def _is_worth_it(tensor: NamedTensor) -> bool:
    array = tensor.value
    if not isinstance(array, np.ndarray) or array.ndim < 2 or array.size < SMALLEST or not is_float(array.dtype):
        return False
    if not np.isfinite(array.astype(np.float32)).all():
        raise NonFiniteError("NaN or infinity cannot be factored or quantized", tensor=tensor.name)
    return bool(array.any())


def _within(points: list[Point], max_error: float) -> Point:
    """The smallest point whose error keeps to the bound; the most exact where none does."""
    fitting = [p for p in points if p.error <= max_error]
    return min(fitting, key=lambda p: p.nbytes) if fitting else min(points, key=lambda p: p.error)


def _fitting(
    measured: Mapping[str, list[Point]],
    target: int,
    file_of: Callable[[Mapping[str, Point]], tuple[Any, int]],
) -> dict[str, Point]:
    """The least squared error whose file is at most `target`: one exchange rate for all tensors, found by bisection."""
    fronts = {name: frontier(points) for name, points in measured.items()}
    energy = {name: _energy(points[0]) for name, points in fronts.items()}

    def at(rate: float) -> dict[str, Point]:
        """The choice where a byte is worth `rate` of squared error."""
        return {
            name: min(front, key=lambda p: p.error**2 * energy[name] + rate * p.nbytes)
            for name, front in fronts.items()
        }

    smallest = {name: front[0] for name, front in fronts.items()}
    nbytes = file_of(smallest)[1]
    if nbytes > target:
        raise OptionError(f"target_bytes={target} cannot be reached: the smallest choice has {nbytes}")
    best, low, high = smallest, -60.0, 60.0  # binary logarithms of the rate
    for _ in range(TRIES):
        middle = (low + high) / 2
        tried = at(2.0**middle)
        if file_of(tried)[1] <= target:
            best, high = tried, middle
        else:
            low = middle
        if high - low < 0.01:
            break
    return best


def _energy(point: Point) -> float:
    """Sum of the squares of a weight, from one way to keep it."""
    rebuilt = point.weight.factorization.reconstruct(point.weight.factors)
    return float(np.square(rebuilt, dtype=np.float64).sum()) / max(1e-9, 1 - min(point.error, 0.999) ** 2)


def _row(tensor: NamedTensor, chosen: Point, points: list[Point]) -> Row:
    dense = [p.nbytes for p in points if p.kind == "dense" and p.error <= chosen.error]
    return Row(tensor.name, chosen.weight.factorization.shape, chosen, min(dense, default=chosen.nbytes), tuple(points))


def _constant(factorization: Factorization) -> FactorizationFactory:
    return lambda shape: factorization
