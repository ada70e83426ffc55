"""What each weight of a calibrated file costs and does: bits, and its share of the error."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..coders.mixing import Mixing
from ..decoding.details import TensorDetails
from ..errors import OptionError
from ..factorizations import FactoredWeight
from ..frontends.protocol import NamedTensor
from ..quantize import to_symbols
from ..scans import to_scan
from .budget import RatePoint


class LayerRow(NamedTuple):
    """One tensor of a calibrated file.

    Attributes:
        name: of the tensor.
        weights: its elements.
        bits_per_weight: of its payload; tensors that share one are told apart by what each costs alone.
        noise: energy that its rounding adds to its layer's output, relative to that output's energy; None where no
            input of the layer was seen.
        error_share: its part of the sum of all noise, 0 to 1; None likewise.
    """

    name: str
    weights: int
    bits_per_weight: float
    noise: float | None
    error_share: float | None


def layer_rows(
    tensors: Sequence[NamedTensor], details: Sequence[TensorDetails], noise: Mapping[str, float]
) -> tuple[LayerRow, ...]:
    """A row each tensor, in model order.

    Args:
        tensors: as they were written.
        details: what the file says of them, in the same order.
        noise: of those that were quantized with feedback.
    """
    nbytes = _nbytes_of_each(tensors, details)
    total = sum(noise.values())
    return tuple(
        LayerRow(
            row.name,
            math.prod(row.shape),
            8 * nbytes[row.name] / max(math.prod(row.shape), 1),
            noise.get(row.name),
            noise[row.name] / total if row.name in noise and total > 0 else None,
        )
        for row in details
    )


def _nbytes_of_each(tensors: Sequence[NamedTensor], details: Sequence[TensorDetails]) -> dict[str, float]:
    values = {t.name: t for t in tensors}
    found = {row.name: float(row.nbytes) for row in details if row.shared_by == 1}
    for group in _groups([row for row in details if row.shared_by > 1]):
        costs = [_cost(values[row.name]) for row in group]
        each = group[0].nbytes / max(sum(costs), 1e-9)
        found.update({row.name: cost * each for row, cost in zip(group, costs, strict=True)})
    return found


def _groups(shared: Sequence[TensorDetails]) -> Iterator[Sequence[TensorDetails]]:
    """Members of a chunk follow one another among those that share."""
    first = 0
    while first < len(shared):
        yield shared[first : first + shared[first].shared_by]
        first += shared[first].shared_by


def _cost(tensor: NamedTensor) -> float:
    """Bytes of the tensor's symbols in a payload of their own; of its elements where it has none."""
    value = tensor.value
    if isinstance(value, FactoredWeight) and "weight" in value.step_codes:
        symbols = to_symbols(value.factors["weight"], value.step_codes["weight"])
        return Mixing().cost([to_scan(symbols, tensor.scan)]) / 8
    return float(value.nbytes) if isinstance(value, np.ndarray) else 0.0


def plot_curve(curve: Sequence[RatePoint], path: Any) -> None:
    """Draw the rate points of a search: file size, and divergence or score where they were measured.

    Args:
        curve: of a report.
        path: .svg, .png or another type that matplotlib knows.

    Raises:
        OptionError: no points.
        ImportError: without matplotlib (the extra `plot`).
    """
    if not curve:
        raise OptionError("there is no curve: it comes of a search with calibration data")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for quantizer in dict.fromkeys(point.quantizer for point in curve):
        points = [point for point in curve if point.quantizer == quantizer]
        sizes = [point.nbytes / 1000 for point in points]
        heights, label = _heights(points)
        axes.plot(sizes, heights, "o-", label=quantizer.replace("_", " "))
        axes.set_ylabel(label)
    if all(point.divergence is not None for point in curve):
        axes.set_yscale("log")
    axes.set_xlabel("file, KB")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path)


def _heights(points: Sequence[RatePoint]) -> tuple[list[float], str]:
    if all(point.divergence is not None for point in points):
        return [point.divergence or 0.0 for point in points], "KL to the float model, nats"
    if all(point.score is not None for point in points):
        return [point.score or 0.0 for point in points], "score"
    return [point.step_code for point in points], "step code (16 an octave)"
