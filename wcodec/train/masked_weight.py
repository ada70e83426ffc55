"""One weight that is pruned: the variables beside it, and what of it goes into a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ..errors import NonFiniteError
from ..factorizations import BlockSparse, FactoredWeight, Sparse
from .masks import Blocks, Structure
from .saliency import Saliency

if TYPE_CHECKING:
    from .wrapper import Wrapper


class MaskedWeight:
    """Variables beside one weight: its mask, the last threshold, and what its saliency remembers.

    Attributes:
        name: of the weight in the model.
        structure: of its masks.
        mask: bool, True where the weight is kept.
        threshold: the score that decided last, ().
        state: name -> what the saliency keeps from one update to the next.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], structure: Structure, saliency: Saliency, wrapper: Wrapper
    ) -> None:
        prefix = name.replace("/", "-").replace(".", "_")  # Keras forbids the one in names, torch the other
        add = wrapper.add_float_or_index
        self.name = name
        self.structure = structure
        self.mask = add(shape=shape, dtype="bool", initializer="ones", trainable=False, name=f"{prefix}-mask")
        self.threshold = add(shape=(), initializer="zeros", trainable=False, name=f"{prefix}-threshold")
        self.state = {
            key: add(
                shape=shape,
                initializer="zeros",
                trainable=saliency.gradient_decay is not None,
                overwrite_with_gradient=saliency.gradient_decay is not None,
                name=f"{prefix}-{key}",
            )
            for key in saliency.state
        }

    def scores(self, weight: np.ndarray, saliency: Saliency) -> np.ndarray:
        """Scores of a weight of float32; what the saliency remembers is brought up to date.

        Raises:
            NonFiniteError: a score that is not finite.
        """
        state = {key: as_array(variable) for key, variable in self.state.items()}
        scores = saliency.scores(weight, state)
        if not np.isfinite(scores).all():
            raise NonFiniteError("NaN or infinity cannot be pruned: training diverged", tensor=self.name)
        for key, value in state.items():
            self.state[key].assign(value)
        return scores

    def update(self, scores: np.ndarray, sparsity: float) -> None:
        """Make the mask anew, by the scores of this weight alone."""
        self.assign(*self.structure.mask(scores, sparsity, float(as_array(self.threshold))))

    def assign(self, mask: np.ndarray, threshold: float) -> None:
        """Take this mask and threshold."""
        self.mask.assign(mask)
        self.threshold.assign(threshold)

    def factored(self, weight: np.ndarray) -> FactoredWeight:
        """What the encoder takes: the mask, of blocks where it has them, and the values that it leaves."""
        mask = as_array(self.mask)
        grid = self.structure.grid(weight.shape) if isinstance(self.structure, Blocks) else None
        if grid is None:
            values = weight[mask].astype(np.float32)
            factors = {"mask": mask.astype(np.int32), "values": values}
            return FactoredWeight(Sparse(weight.shape, values.size), factors, steps_are_open=True)
        shape, block, row_axes = weight.shape, (grid.height, grid.width), grid.row_axes % (weight.ndim - 1)
        every = BlockSparse(shape, *block, 0, row_axes)
        kept = every.blocks(mask)[:, :, 0, 0]
        values = every.blocks(weight)[kept].astype(np.float32)
        factors = {"mask": kept.astype(np.int32), "values": values}
        return FactoredWeight(BlockSparse(shape, *block, len(values), row_axes), factors, steps_are_open=True)


def as_array(variable: Any) -> np.ndarray:
    """A copy of a variable's value."""
    return np.array(keras.ops.convert_to_numpy(variable))
