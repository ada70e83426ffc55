"""Attention of several heads (Vaswani et al., 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .activations import softmax
from .params import Flag
from .protocol import Array, Op, Shape, check_elements

PROJECTIONS = ("query", "key", "value", "output")


def attention(
    query: Array,
    value: Array,
    key: Array | None = None,
    *,
    query_kernel: Array,
    key_kernel: Array,
    value_kernel: Array,
    output_kernel: Array,
    query_bias: Array | None = None,
    key_bias: Array | None = None,
    value_bias: Array | None = None,
    output_bias: Array | None = None,
    causal: bool = False,
) -> Array:
    """softmax(q k^T / sqrt(size)) v of each head, projected: (batch, steps, out).

    query (batch, steps, in), value and key (batch, others, in); key is value where it is left out. Kernels
    (in, heads, size), that of the output (heads, size, out), biases of their last axes. With `causal` a step sees none
    that come after it.
    """
    check_elements(score_shape(query.shape, value.shape, query_kernel=query_kernel.shape))
    q = _projected(query, query_kernel, query_bias) * np.float32(1 / math.sqrt(query_kernel.shape[-1]))
    k = _projected(value if key is None else key, key_kernel, key_bias)
    v = _projected(value, value_kernel, value_bias)
    scores = np.einsum("bqhd,bkhd->bhqk", q, k, optimize=True)
    if causal:
        seen = np.tril(np.ones(scores.shape[-2:], bool))
        scores = np.where(seen, scores, np.float32(-np.inf))
    mixed = np.einsum("bhqk,bkhd->bqhd", softmax(scores), v, optimize=True)
    y = mixed.reshape(*mixed.shape[:2], -1) @ output_kernel.reshape(-1, output_kernel.shape[-1])
    y = y if output_bias is None else y + output_bias
    return np.asarray(y, np.float32)


def _projected(x: Array, kernel: Array, bias: Array | None) -> Array:
    """(batch, steps, in) by (in, heads, size): (batch, steps, heads, size)."""
    y = (x @ kernel.reshape(kernel.shape[0], -1)).reshape(*x.shape[:2], *kernel.shape[1:])
    return y if bias is None else y + bias


def attention_shape(
    query: Shape,
    value: Shape,
    key: Shape | None = None,
    *,
    query_kernel: Shape,
    key_kernel: Shape,
    value_kernel: Shape,
    output_kernel: Shape,
    **_: Any,
) -> Shape:
    """(batch, steps, out)."""
    key = key or value
    pairs = [(query, query_kernel), (value, value_kernel), (key, key_kernel)]
    if any(len(x) != 3 or len(kernel) != 3 or x[-1] != kernel[0] for x, kernel in pairs):
        raise ValueError(f"inputs and kernels of shapes {pairs} do not fit each other")
    if key[:2] != value[:2]:
        raise ValueError(f"keys of shape {key} and values of shape {value} differ in their steps")
    if query_kernel[1:] != key_kernel[1:] or value_kernel[1:] != output_kernel[:2]:
        raise ValueError("the heads of the projections differ")
    return (*query[:2], output_kernel[-1])


def score_shape(query: Shape, value: Shape, _: Shape | None = None, *, query_kernel: Shape, **__: Any) -> Shape:
    """(batch, heads, steps, others)."""
    return (query[0], query_kernel[1], query[1], value[1])


def _scratch(query: Shape, value: Shape, _: Shape | None = None, **tensors: Any) -> int:
    """Scores with what softmax makes of them, and the four projections."""
    scores = score_shape(query, value, query_kernel=tensors["query_kernel"])
    width: int = math.prod(tensors["value_kernel"][1:]) + math.prod(tensors["query_kernel"][1:])
    total: int = 4 * math.prod(scores) + 2 * width * (query[0] * query[1] + value[0] * value[1])
    return total


ATTENTION = Op(
    number=24,
    run=attention,
    params={"causal": Flag()},
    tensors=tuple(f"{name}_{part}" for name in PROJECTIONS for part in ("kernel", "bias")),
    optional=frozenset(f"{name}_bias" for name in PROJECTIONS),
    inputs=(2, 3),
    shape=attention_shape,
    scratch=_scratch,
)
