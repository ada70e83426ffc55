"""Training data of `fit_compressed`: arrays, a function of the epoch, or anything that Keras' own `fit` takes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from ..errors import DataError

Arrays = tuple[Any, Any]


class Feed:
    """What to train on in each epoch, and how many batches that are.

    Attributes:
        batch_size: None where the data comes in batches.
        batches: of an epoch.
    """

    def __init__(self, data: Arrays | Callable[[int], Arrays] | Any, batch_size: int) -> None:
        """`data`: (x, y); a function from the epoch (0, 1, ...) to (x, y); or a dataset of batches of known length.

        Raises:
            DataError: nothing in it, x and y of different length, or a dataset of unknown length.
        """
        self._data: Any = data
        first = self._arrays(0)
        self._input_shape = getattr(first[0], "shape", None) if first is not None else None
        if first is None:
            self.batch_size, self.batches = None, _length(data)
        else:
            self.batch_size, self.batches = batch_size, math.ceil(len(first[0]) / batch_size)
        if self.batches < 1:
            raise DataError("the training data yields no batch")

    def check(self, model: keras.Model) -> None:
        """Hold the inputs, where they are one array, to what a Sequential or Functional model of one input takes.

        Raises:
            DataError: it does not take them.
        """
        if self._input_shape is None or len(getattr(model, "inputs", None) or ()) != 1:
            return
        try:
            model.compute_output_spec(keras.KerasTensor((None, *self._input_shape[1:])))
        except ValueError as e:
            given, takes = self._input_shape[1:], model.inputs[0].shape[1:]
            raise DataError(f"inputs of the training data are {given}, and the model takes {takes}") from e

    def epoch(self, number: int) -> dict[str, Any]:
        """Arguments of Keras' `fit` for one epoch."""
        arrays = self._arrays(number)
        if arrays is None:
            return {"x": self._data}
        return {"x": arrays[0], "y": arrays[1], "batch_size": self.batch_size}

    def inputs(self, count: int) -> Iterator[Any]:
        """The inputs of the first `count` batches of the first epoch, or of as many as there are."""
        arrays, batches = self._arrays(0), self._data
        if arrays is not None:
            size = self.batch_size or 1
            starts = range(0, len(arrays[0]), size)
            yield from (arrays[0][start : start + size] for start in itertools.islice(starts, count))
        elif hasattr(batches, "__getitem__"):
            yield from (batches[i][0] for i in range(min(count, self.batches)))
        else:
            yield from (batch[0] for batch in itertools.islice(batches, count))

    def whole(self) -> Arrays:
        """All of the first epoch, (x, y).

        Raises:
            DataError: the data comes in batches.
        """
        arrays = self._arrays(0)
        if arrays is None:
            raise DataError("refinements need data as arrays (x, y), or a function of the epoch that gives them")
        return arrays

    def _arrays(self, number: int) -> Arrays | None:
        arrays = self._data(number) if callable(self._data) and not hasattr(self._data, "__getitem__") else self._data
        if not isinstance(arrays, tuple):
            return None
        if len(arrays) != 2 or len(arrays[0]) != len(arrays[1]):
            raise DataError("training data is a pair (x, y) of as many inputs as labels")
        return arrays


def _length(dataset: Any) -> int:
    try:
        return len(dataset)
    except TypeError as e:
        raise DataError("a dataset needs a length: how many batches an epoch has decides the schedule") from e


def accuracy_of(model: Any, x: Any, y: Any, batch_size: int = 1000) -> float:
    """Fraction of (count, ...) inputs whose largest output is the label (count,)."""
    predicted = model.predict(x, batch_size=batch_size, verbose=0)
    return float(np.mean(np.asarray(predicted).argmax(axis=-1) == np.asarray(y).reshape(len(predicted))))
