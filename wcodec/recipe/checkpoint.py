"""A training run on disk, written after every epoch: what is needed to go on from there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from ..container.files import open_sink
from ..errors import DataError, NameMismatchError
from ..train import CompressibleModel
from .curve import CurvePoint
from .search import End


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
        ends: of the cycles before this one.
        best: which of them is the best; its model is in the file.
    """

    cycle: int = 0
    epoch: int = 0
    penalty_weight: float = 0.0
    whole: bool = True
    anew: int = 0
    widths: dict[str, int] = field(default_factory=dict)
    curve: list[CurvePoint] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    best: int = 0


def save(path: Path, model: CompressibleModel, progressed: Progressed, best: CompressibleModel | None) -> None:
    """Write the model with its optimizer, the best model so far and the state of the run into one .npz, atomically."""
    arrays = _arrays("v", _variables(model)) | _arrays("b", best.variables if best is not None else [])
    arrays["progressed"] = np.frombuffer(json.dumps(vars(progressed)).encode(), np.uint8)
    with open_sink(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # allow_pickle is younger than the oldest numpy


def peek(path: Path) -> Progressed:
    """The state of the run, without its variables.

    Raises:
        DataError: not a checkpoint, or one of another version.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            fields: dict[str, Any] = json.loads(arrays["progressed"].tobytes())
        curve, ends = [CurvePoint(*point) for point in fields["curve"]], [End(*end) for end in fields["ends"]]
        return Progressed(**{**fields, "curve": curve, "ends": ends})
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as e:
        raise DataError(f"{path} is not a checkpoint that this version goes on from; remove it to begin anew") from e


def load(path: Path, model: CompressibleModel) -> None:
    """Assign the variables to a compiled model of the same widths.

    Raises:
        NameMismatchError: the file is of another model.
    """
    _assign(path, "v", _variables(model))


def load_best(path: Path, model: CompressibleModel) -> None:
    """Assign the variables of the best end to a model of its widths.

    Raises:
        NameMismatchError: the file is of another model.
    """
    _assign(path, "b", model.variables)


def _variables(model: CompressibleModel) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]


def _arrays(prefix: str, variables: list[keras.Variable]) -> dict[str, np.ndarray]:
    return {f"{prefix}{i}": np.asarray(keras.ops.convert_to_numpy(v)) for i, v in enumerate(variables)}


def _assign(path: Path, prefix: str, variables: list[keras.Variable]) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        count = sum(name[0] == prefix for name in arrays.files)
        values = [arrays[f"{prefix}{i}"] for i in range(count)]
    if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
        raise NameMismatchError(f"{path} is a checkpoint of another model or optimizer")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
