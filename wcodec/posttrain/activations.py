"""Second moments of every site's input, by running the network on calibration data.

The data goes through in slices of fixed size, whatever batches the caller had, so that sums do not depend on those;
memory is bounded by the activations of one slice and the moments themselves (n^2 float64 a site).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NonFiniteError
from .moments import Moments
from .networks import Call, Network
from .networks.protocol import Inputs

SLICE = 64  # samples
POSITIONS = 64  # of a sample that are looked at: patches of a feature map, elements of a sequence


@dataclass(frozen=True)
class Positions:
    """Which positions of the samples of one slice to look at: all, or a random choice that is always the same."""

    slice_number: int
    most: int = POSITIONS

    def __call__(self, count: int) -> np.ndarray:
        """Sorted indices below `count`."""
        if count <= self.most:
            return np.arange(count)
        rng = np.random.default_rng((self.slice_number, count))
        return np.sort(rng.choice(count, self.most, replace=False))


def slices(count: int) -> Iterator[tuple[int, slice]]:
    """Number and extent of the slices of `count` samples."""
    for number, first in enumerate(range(0, count, SLICE)):
        yield number, slice(first, min(first + SLICE, count))


def measure(network: Network, inputs: Inputs) -> dict[str, Moments]:
    """Tensor name -> moments of what meets it, for every site that the network reaches.

    Raises:
        NonFiniteError: a layer's input holds NaN or infinity; names the tensor.
        OptionError: the model does not take such inputs.
    """
    found: dict[str, Moments] = {}
    for number, samples in slices(len(inputs)):
        positions = Positions(number)

        def visit(call: Call, positions: Positions = positions) -> Any:
            if call.layer.sites:
                x = network.to_numpy(call.argument)
                for site in call.layer.sites:
                    name = call.layer.tensors[site.variable]
                    require_finite(x, name)
                    found.setdefault(name, Moments()).add(site.columns_of(x, positions))
            return call.output({})

        network.run(inputs[samples], visit)
    return found


def require_finite(x: np.ndarray, tensor: str) -> None:
    """Raise NonFiniteError for NaN or infinity in the input of the layer that `tensor` is a weight of."""
    if not np.isfinite(x).all():
        raise NonFiniteError("the calibration gives NaN or infinity at the input of its layer", tensor=tensor)
