"""A training run on disk, written after every epoch: what is needed to go on from there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..container.files import open_sink
from ..errors import NameMismatchError
from ..train import CompressibleModel
from .curve import CurvePoint


@dataclass
class Progressed:
    """How far a run is.

    Attributes:
        cycle: 0 is the main run.
        epoch: epochs of this cycle that are done.
        penalty_weight: of this cycle.
        whole: whether this cycle is a whole run: the main one, or one that began anew.
        anew: how many have begun anew.
        widths: units of each group that are left.
        curve: one point an epoch, of all cycles.
    """

    cycle: int = 0
    epoch: int = 0
    penalty_weight: float = 0.0
    whole: bool = True
    anew: int = 0
    widths: dict[str, int] = field(default_factory=dict)
    curve: list[CurvePoint] = field(default_factory=list)


def save(path: Path, model: CompressibleModel, progressed: Progressed) -> None:
    """Write variables of model and optimizer and the state of the run into one .npz, atomically."""
    fields = {**vars(progressed), "curve": [list(point) for point in progressed.curve]}
    arrays = {f"v{i}": np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(_variables(model))}
    arrays["progressed"] = np.frombuffer(json.dumps(fields).encode(), np.uint8)
    with open_sink(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # allow_pickle is younger than the oldest numpy


def peek(path: Path) -> Progressed:
    """The state of the run, without its variables."""
    with np.load(path, allow_pickle=False) as arrays:
        fields: dict[str, Any] = json.loads(arrays["progressed"].tobytes())
    return Progressed(**{**fields, "curve": [CurvePoint(*point) for point in fields["curve"]]})


def load(path: Path, model: CompressibleModel) -> None:
    """Assign the variables to a compiled model of the same widths.

    Raises:
        NameMismatchError: the file is of another model.
    """
    variables = _variables(model)
    with np.load(path, allow_pickle=False) as arrays:
        values = [arrays[f"v{i}"] for i in range(len(arrays.files) - 1)]
    if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
        raise NameMismatchError(f"{path} is a checkpoint of another model or optimizer")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _variables(model: CompressibleModel) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]
