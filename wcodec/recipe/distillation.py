"""Training labels from a teacher: the probabilities that a trained network gives to its classes.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015, arXiv:1503.02531), at temperature 1. Who
compresses a network usually has it in float, and its answers say more about an image than a label does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from ..errors import DataError, OptionError

BATCH = 250  # inputs that the teacher sees at once
Arrays = tuple[Any, Any]


def taught(data: Any, loss: Any, teacher: keras.Model, share: float) -> tuple[Any, Any]:
    """Data whose labels are a teacher's, and the loss that takes them.

    Args:
        data: (x, y) arrays with integer labels, or a function from the epoch to them.
        loss: sparse categorical cross-entropy; where it says that outputs are logits, so are the teacher's.
        teacher: a model with the outputs of the one that learns.
        share: of the teacher in the new labels; the rest is the old ones'.

    Returns:
        data: as before, with labels (count, classes) float32.
        loss: categorical cross-entropy.

    Raises:
        OptionError: another loss, or a share that is none.
        DataError: data in batches.
    """
    if not 0 < share <= 1:
        raise OptionError(f"teacher_share is a fraction above 0 and up to 1, not {share!r}")
    from_logits = _logits_of(loss)

    def labelled(arrays: Any) -> Arrays:
        if not isinstance(arrays, tuple) or len(arrays) != 2:
            raise DataError("a teacher labels arrays (x, y), or a function of the epoch that gives them")
        x, y = arrays
        outputs = np.asarray(teacher.predict(x, batch_size=BATCH, verbose=0), np.float32)
        found = _softmax(outputs) if from_logits else outputs
        known = np.eye(found.shape[-1], dtype=np.float32)[np.asarray(y).reshape(len(found))]
        return x, np.float32(share) * found + np.float32(1 - share) * known

    new: Arrays | Callable[[int], Arrays]
    if callable(data) and not hasattr(data, "__getitem__"):
        new = lambda number: labelled(data(number))  # noqa: E731
    else:
        new = labelled(data)
    return new, keras.losses.CategoricalCrossentropy(from_logits=from_logits)


def _logits_of(loss: Any) -> bool:
    found = keras.losses.get(loss)
    if isinstance(found, keras.losses.SparseCategoricalCrossentropy):
        return bool(found.get_config()["from_logits"])
    if found is keras.losses.sparse_categorical_crossentropy:
        return False
    raise OptionError("a teacher takes the place of labels in sparse_categorical_crossentropy, in no other loss")


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
