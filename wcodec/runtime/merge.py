"""Layers of several inputs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce

import numpy as np

from .params import Integer
from .protocol import Op, Shape, check_elements

MANY = (2, 255)


def _elementwise(ufunc: Callable[..., np.ndarray], *inputs: np.ndarray) -> np.ndarray:
    """`ufunc` over the inputs from left to right, with broadcasting."""
    check_elements(np.broadcast_shapes(*(x.shape for x in inputs)))
    return reduce(ufunc, inputs)


def average(*inputs: np.ndarray) -> np.ndarray:
    """Mean of the inputs."""
    return _elementwise(np.add, *inputs) / np.float32(len(inputs))


def concatenate(*inputs: np.ndarray, axis: int = -1) -> np.ndarray:
    """Inputs one after the other along `axis`."""
    total = sum(x.size for x in inputs)
    check_elements((total,))
    return np.concatenate(inputs, axis=axis)


def concatenated_shape(*inputs: Shape, axis: int = -1) -> Shape:
    """The inputs' shape with their extents along `axis` added."""
    rests = {(*shape[:axis], *shape[axis:][1:]) for shape in inputs}
    if len(rests) > 1:
        raise ValueError(f"inputs of shapes {inputs} cannot be joined along axis {axis}")
    shape = list(inputs[0])
    shape[axis] = sum(one[axis] for one in inputs)
    return tuple(shape)


ADD = Op(number=13, run=partial(_elementwise, np.add), inputs=MANY)
SUBTRACT = Op(number=14, run=partial(_elementwise, np.subtract), inputs=(2, 2))
MULTIPLY = Op(number=15, run=partial(_elementwise, np.multiply), inputs=MANY)
AVERAGE = Op(number=16, run=average, inputs=MANY)
MAXIMUM = Op(number=17, run=partial(_elementwise, np.maximum), inputs=MANY)
MINIMUM = Op(number=18, run=partial(_elementwise, np.minimum), inputs=MANY)
CONCATENATE = Op(
    number=19,
    run=concatenate,
    shape=concatenated_shape,
    params={"axis": Integer(-1, low=-8, high=7)},
    inputs=MANY,
)
