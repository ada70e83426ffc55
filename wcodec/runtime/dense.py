"""Fully connected layers."""

from __future__ import annotations

from typing import Any

from .protocol import Array, Op, Shape, check_elements


def dense(x: Array, *, kernel: Array, bias: Array | None = None) -> Array:
    """(..., in) @ (in, out) + (out,)."""
    check_elements((*x.shape[:-1], kernel.shape[-1]))
    y = x @ kernel
    if bias is not None:
        y += bias
    return y


def dense_shape(x: Shape, *, kernel: Shape, **_: Any) -> Shape:
    """(..., in) and (in, out) -> (..., out)."""
    if len(kernel) != 2 or x[-1:] != kernel[:1]:
        raise ValueError(f"a kernel of shape {kernel} does not fit an input of shape {x}")
    return (*x[:-1], kernel[1])


DENSE = Op(
    number=0,
    run=dense,
    shape=dense_shape,
    tensors=("kernel", "bias"),
    optional=frozenset({"bias"}),
    factored=frozenset({"kernel"}),
)
