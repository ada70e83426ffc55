"""What a compressed training gives back: the model, its file, and how size and accuracy went along."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..train import CompressibleModel


class CurvePoint(NamedTuple):
    """The state after one epoch.

    Attributes:
        epoch: from 1.
        loss: of training, with the penalty in it.
        cost: what the penalty charges for, without its weight: nats of the power law, bits of a rate.
        nbytes: estimated size of the file.
        accuracy: on the validation data; NaN where there is none.
        units: hidden units that are left, of all groups together.
        cycle: 0 in the main run; later ones approach a target.
    """

    epoch: int
    loss: float
    cost: float
    nbytes: int
    accuracy: float
    units: int
    cycle: int = 0


@dataclass
class CompressedFit:
    """What `fit_compressed` gives.

    Attributes:
        model: compressible, trained; `wcodec.encode` takes it, `finalize()` gives the plain model.
        data: the `.wcz` file.
        nbytes: its size.
        accuracy: on the validation data; NaN where there is none.
        curve: one point an epoch.
        warnings: what the caller should know.
    """

    model: CompressibleModel
    data: bytes
    accuracy: float
    curve: list[CurvePoint]
    warnings: list[str] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        return f"CompressedFit({self.nbytes:,} bytes, accuracy {self.accuracy:.2%}, {len(self.curve)} epochs)"

    def plot(self, path: str | Path) -> None:
        """Draw bytes and error over the epochs, and error over bytes, into an image file (extra `plot`)."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4), layout="constrained")
        over_time, over_size = figure.subplots(1, 2)
        epochs, sizes = [point.epoch for point in self.curve], [point.nbytes for point in self.curve]
        errors = [100 * (1 - point.accuracy) for point in self.curve]
        nbytes, error = "bytes of the file", "validation error, %"
        _panel(over_time, (epochs, sizes), ("epoch", nbytes), "C0")
        _panel(over_time.twinx(), (epochs, errors), ("", error), "C1")
        _panel(over_size, (sizes, errors), (nbytes, error), "C2")
        over_size.set_xscale("log")
        figure.savefig(path)


def _panel(axes: Any, xy: tuple[list[int], list[Any]], labels: tuple[str, str], color: str) -> None:
    axes.plot(*xy, color=color)
    axes.set_yscale("log")
    axes.set_ylabel(labels[1], color=color)
    if labels[0]:
        axes.set_xlabel(labels[0])
