"""In which axis order a Keras weight is coded: the axes of the outputs, then of the inputs, the kernel last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .normal import scan_by_name, scan_of_order

Scan = Callable[[Any, str, int], str]  # (layer, path of its weight, rank) -> scan


def _inputs_first(_layer: Any, path: str, _rank: int) -> str:
    """Kernels (kernel..., a, b) whose outputs are axis a: depthwise (in, multiplier), transposed (out, in)."""
    return "in_first" if path.endswith("/kernel") else "as_is"


def _attention(_layer: Any, path: str, rank: int) -> str:
    """Projections: query, key, value (in, heads, size) and the output (heads, size, out)."""
    if rank < 3:
        return "as_is"
    return "last_first" if path.endswith("/attention_output/kernel") else "in_first"


def _einsum_dense(layer: Any, path: str, _rank: int) -> str:
    """Letters of the kernel that the result has and the input has not are outputs."""
    if not path.endswith("/kernel"):
        return "as_is"
    inputs, _, rest = layer.equation.replace(" ", "").partition(",")
    letters, _, result = rest.partition("->")
    outputs = [axis for axis, letter in enumerate(letters) if letter in result and letter not in inputs]
    return scan_of_order((*outputs, *(axis for axis in range(len(letters)) if axis not in outputs)))


# Class name -> scan of its weights; every other layer goes by the names of its weights.
SCANS_BY_LAYER: dict[str, Scan] = {
    "DepthwiseConv1D": _inputs_first,
    "DepthwiseConv2D": _inputs_first,
    "Conv1DTranspose": _inputs_first,
    "Conv2DTranspose": _inputs_first,
    "Conv3DTranspose": _inputs_first,
    "MultiHeadAttention": _attention,
    "GroupedQueryAttention": _attention,
    "EinsumDense": _einsum_dense,
}


def scan_of_each(model: Any) -> dict[int, str]:
    """id of each weight's variable -> scan."""
    scans: dict[int, str] = {}
    for layer in _leaves(model):
        rule = SCANS_BY_LAYER.get(type(layer).__name__, _by_name)
        for variable in layer.weights:
            scans.setdefault(id(variable), rule(layer, variable.path, len(variable.shape)))
    return scans


def _by_name(_layer: Any, path: str, rank: int) -> str:
    return scan_by_name(path, rank)


def _leaves(layer: Any) -> Iterator[Any]:
    """Layers that are no models, then each model itself for weights that it holds directly."""
    import keras

    if isinstance(layer, keras.Model):
        for child in layer.layers:
            yield from _leaves(child)
    yield layer
