"""Fully connected layers."""

from __future__ import annotations

import numpy as np

from .protocol import Op, check_elements


def dense(x: np.ndarray, *, kernel: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """(..., in) @ (in, out) + (out,)."""
    check_elements((*x.shape[:-1], kernel.shape[-1]))
    y = x @ kernel
    if bias is not None:
        y += bias
    return y


DENSE = Op(number=0, run=dense, tensors=("kernel", "bias"), optional=frozenset({"bias"}))
