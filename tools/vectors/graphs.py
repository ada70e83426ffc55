"""Golden networks: files with a graph, inputs, and what the network makes of them (format_spec/graph.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wcodec.runtime import Graph, Layer

from .build import graph, group, head, names, wcz

Network = tuple[Graph, dict[str, np.ndarray]]


def layer(op: str, *inputs: int, **known: Any) -> Layer:
    """Tensors are given as name=position, parameters as keywords."""
    from wcodec.runtime import OPS

    tensors = {name: value for name, value in known.items() if name in OPS[op].tensors}
    return Layer(op, inputs, {name: value for name, value in known.items() if name not in tensors}, tensors)


def ramp(*shape: int) -> np.ndarray:
    """Multiples of 1/8 between -1 and 1 in an order without symmetry."""
    count = int(np.prod(shape))
    return ((np.arange(count) * 7 % 17 - 8) / 8).astype(np.float32).reshape(shape)


def convolutions() -> Network:
    """conv with groups, strides and dilation, depthwise_conv, the pools, zero_padding, batch_norm"""
    tensors = {"a": ramp(3, 2, 2, 4), "b": ramp(4), "d": ramp(2, 2, 4, 2), "v": ramp(8) + 2}
    layers = (
        layer("zero_padding", 0, amounts=(1, 0, 0, 2)),
        layer("conv", 1, kernel=0, bias=1, strides=(1, 2), padding="same", groups=2),
        layer("depthwise_conv", 2, kernel=2, dilation=(2, 1)),
        layer("batch_norm", 3, mean=3, variance=3, epsilon=0.25),
        layer("max_pool", 4, size=(2, 1), strides=1, padding="same"),
        layer("average_pool", 5, size=2, strides=1, padding="same"),
        layer("global_average_pool", 6),
        layer("global_max_pool", 5, keepdims=True),
    )
    return Graph(((5, 6, 4),), layers, (7, 8)), tensors


def moves_and_merges() -> Network:
    """ops that move elements, and ops of several inputs"""
    layers = (
        layer("permute", 0, axes=(2, 1)),
        layer("reshape", 1, shape=(3, -1)),
        layer("up_sampling", 2, size=2),
        layer("cropping", 3, amounts=(1, 2)),
        layer("reverse", 4),
        layer("concatenate", 4, 5),
        layer("flatten", 6),
        layer("repeat_vector", 7, count=2),
        layer("rescale", 8, scale=2.0, offset=-0.5),
        layer("add", 9, 9, 8),
        layer("subtract", 10, 8),
        layer("multiply", 11, 8),
        layer("average", 12, 8),
        layer("maximum", 13, 8),
        layer("minimum", 14, 9),
    )
    return Graph(((4, 3),), layers, (15,)), {}


def sequences() -> Network:
    """embedding, lstm, gru with the reset after and before, simple_rnn, forwards and backwards"""
    tensors = {
        "table": ramp(6, 3),
        "lk": ramp(3, 8),
        "lr": ramp(2, 8),
        "lb": ramp(8),
        "gk": ramp(3, 6),
        "gr": ramp(2, 6),
        "gb": ramp(2, 6),
        "sk": ramp(3, 2),
        "sr": ramp(2, 2),
    }
    layers = (
        layer("embedding", 0, table=0),
        layer("lstm", 1, kernel=1, recurrent_kernel=2, bias=3, sequences=True),
        layer("lstm", 1, kernel=1, recurrent_kernel=2, backwards=True, gate="hard_sigmoid"),
        layer("gru", 1, kernel=4, recurrent_kernel=5, bias=6),
        layer("gru", 1, kernel=4, recurrent_kernel=5, reset_after=False, activation="relu", sequences=True),
        layer("simple_rnn", 1, kernel=7, recurrent_kernel=8, sequences=True, backwards=True),
    )
    return Graph(((4,),), layers, (2, 3, 4, 5, 6)), tensors


def attention() -> Network:
    """attention of itself, causal, and of another sequence with a key of its own; layer, rms and group norms"""
    tensors = {
        "q": ramp(4, 2, 3),
        "qb": ramp(2, 3),
        "o": ramp(2, 3, 4),
        "ob": ramp(4),
        "g": ramp(4) + 2,
        "h": ramp(3, 4) + 2,
    }
    kernels = {"query_kernel": 0, "key_kernel": 0, "value_kernel": 0, "output_kernel": 2}
    layers = (
        layer("layer_norm", 0, gamma=4, beta=3, epsilon=0.5),
        layer("attention", 2, 2, **kernels, query_bias=1, output_bias=3),
        layer("attention", 3, 3, **kernels, causal=True),
        layer("rescale", 1, scale=0.5, offset=1.0),
        layer("attention", 4, 1, 5, **kernels),
        layer("rms_norm", 6, gamma=5, axes=(1, 2)),
        layer("group_norm", 6, gamma=4, groups=2, epsilon=0.5),
    )
    return Graph(((3, 4), (5, 4)), layers, (3, 4, 6, 7, 8)), tensors


def activations() -> Network:
    """dense, and every activation"""
    tensors = {"k": ramp(5, 4), "b": ramp(4), "alpha": ramp(4)}
    plain = ("elu", "selu", "sigmoid", "tanh", "softmax", "log_softmax", "silu", "gelu", "softplus", "softsign")
    more = ("hard_sigmoid", "hard_silu", "mish", "exponential", "gelu_tanh")
    layers = (
        layer("dense", 0, kernel=0, bias=1),
        layer("relu", 1, max_value=1.0, negative_slope=0.25, threshold=0.5),
        layer("prelu", 1, alpha=2),
        *(layer(op, 1) for op in (*plain, *more)),
    )
    return Graph(((5,),), layers, tuple(range(1, len(layers) + 1))), tensors


GRAPHS: dict[str, Callable[[], Network]] = {
    "convolutions": convolutions,
    "moves_and_merges": moves_and_merges,
    "sequences": sequences,
    "attention": attention,
    "activations": activations,
}


def file_of(network: Network) -> bytes:
    """The network as a file: its tensors in one group, coded as they are."""
    described, tensors = network
    described = graph(described.to_wire())
    if not tensors:
        return wcz(described)
    records = [[head("float32", 2), *array.shape] for array in tensors.values()]
    return wcz(names(grouped=list(tensors)), described, group(records, "raw", *tensors.values()))


def inputs_of(network: Network) -> list[np.ndarray]:
    """Two samples: ramps, and whole numbers of rows for an embedding."""
    described, _ = network
    first = {one.op for one in described.layers if 0 in one.inputs}
    if "embedding" in first:
        return [(np.arange(8) * 5 % 6).astype(np.float32).reshape(2, 4)]
    return [ramp(2, *shape) for shape in described.inputs]
