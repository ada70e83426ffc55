"""Fully connected layers."""

from __future__ import annotations

from .protocol import Array, Op, check_elements


def dense(x: Array, *, kernel: Array, bias: Array | None = None) -> Array:
    """(..., in) @ (in, out) + (out,)."""
    check_elements((*x.shape[:-1], kernel.shape[-1]))
    y = x @ kernel
    if bias is not None:
        y += bias
    return y


DENSE = Op(number=0, run=dense, tensors=("kernel", "bias"), optional=frozenset({"bias"}))
