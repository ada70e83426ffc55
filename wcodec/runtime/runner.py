"""Run a network from a file with numpy alone, one layer after the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Self

import numpy as np

from ..decoder import safe_open
from ..errors import GraphError, LimitError
from .graph import Graph, Layer
from .protocol import TensorSource, check_elements
from .registry import OPS
from .weights import Weights

# What an op raises where its inputs, tensors and parameters do not fit each other.
_MISFIT = (ValueError, TypeError, IndexError, ArithmeticError)


class Runner:
    """A network that predicts from a `.wcz` file; a context manager.

    A layer's tensors are decoded when the layer runs; an activation is freed after the last layer that takes it. All
    arithmetic is float32, whatever the tensors' dtype. Peak memory is that of one batch, one large tensor, all small
    ones and `keep_bytes`.
    """

    def __init__(self, src: Any, *, keep_bytes: int = 8 << 20) -> None:
        """Read the graph; decode nothing yet.

        Args:
            src: path, bytes, seekable binary file, or a file that `wcodec.safe_open` has opened.
            keep_bytes: room for large tensors that stay decoded from batch to batch, in the order of their first use.
                0 decodes each of them anew for every batch.

        Raises:
            GraphError: the file holds no graph, or one that does not fit its tensors.
        """
        with ExitStack() as stack:
            source: TensorSource = src if hasattr(src, "get_tensor") else stack.enter_context(safe_open(src))
            stored = source.graph()
            if stored is None:
                raise GraphError("the file holds no layer graph: encode the model with graph=True")
            self.graph = Graph.from_wire(stored)
            self._weights = Weights(source, keep_bytes)
            _check_positions(self.graph, len(self._weights))
            self._dies_at = _last_uses(self.graph)
            self._stack = stack.pop_all()

    def predict(self, x: Any, *, batch_size: int = 32) -> Any:
        """Outputs for `x`.

        Args:
            x: array (batch, ...), or a sequence of arrays for a network of several inputs, in the network's order.
            batch_size: samples that go through the network together; bounds the memory of the activations.

        Returns:
            float32 array (batch, ...), or a list of arrays where the network has several outputs.

        Raises:
            GraphError: `x` does not fit the network, or the graph does not fit its tensors.
        """
        inputs = self._checked_inputs(x)
        count = len(inputs[0])
        if batch_size < 1:
            raise GraphError(f"batch_size is at least 1, not {batch_size}")
        starts = range(0, max(count, 1), batch_size)
        batches = [self._run([value[start : start + batch_size] for value in inputs]) for start in starts]
        outputs = [np.concatenate(parts) for parts in zip(*batches, strict=True)]
        return outputs if len(outputs) > 1 else outputs[0]

    def close(self) -> None:
        """Close the file if this runner opened it."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Runner({len(self.graph.layers)} layers, {len(self._weights)} tensors)"

    def _checked_inputs(self, x: Any) -> list[np.ndarray]:
        shapes = self.graph.inputs
        inputs = [np.asarray(x)] if len(shapes) == 1 else [np.asarray(one) for one in x]
        if len(inputs) != len(shapes):
            raise GraphError(f"the network takes {len(shapes)} inputs, not {len(inputs)}")
        for number, (value, shape) in enumerate(zip(inputs, shapes, strict=True)):
            sizes = zip(value.shape[1:], shape, strict=False)
            if value.ndim != 1 + len(shape) or any(want not in (-1, size) for size, want in sizes):
                raise GraphError(f"input {number} has shape (batch, {str(shape)[1:-1]}), not {value.shape}")
        if len({len(value) for value in inputs}) > 1:
            raise GraphError("the inputs differ in their number of samples")
        return inputs

    def _run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """One batch through all layers."""
        values: dict[int, np.ndarray] = {n: v.astype(np.float32, copy=False) for n, v in enumerate(inputs)}
        for number, layer in enumerate(self.graph.layers):
            value = len(inputs) + number
            values[value] = self._run_layer(number, layer, [values[v] for v in layer.inputs])
            for dead in self._dies_at.get(value, ()):
                del values[dead]
        return [values[v] for v in self.graph.outputs]

    def _run_layer(self, number: int, layer: Layer, inputs: Sequence[np.ndarray]) -> np.ndarray:
        try:
            tensors = {name: self._weights.get(position) for name, position in layer.tensors.items()}
            with np.errstate(all="ignore"):  # infinities and NaN are IEEE's answer and the network's
                y = OPS[layer.op].run(*inputs, **tensors, **layer.params)
        except _MISFIT as e:
            raise GraphError(f"layer {number} ({layer.op}) does not fit its inputs or tensors: {e}") from e
        except MemoryError as e:
            raise LimitError(f"not enough memory for layer {number} ({layer.op})") from e
        if y.shape[:1] != inputs[0].shape[:1]:
            raise GraphError(f"layer {number} ({layer.op}) changed the number of samples")
        check_elements(y.shape)
        return y.astype(np.float32, copy=False)


def _check_positions(graph: Graph, count: int) -> None:
    for number, layer in enumerate(graph.layers):
        if any(position >= count for position in layer.tensors.values()):
            raise GraphError(f"layer {number} ({layer.op}) asks for a tensor that the file does not have")


def _last_uses(graph: Graph) -> dict[int, list[int]]:
    """Number of the value being made -> values that nothing needs any more after it."""
    last = {value: len(graph.inputs) + i for i, layer in enumerate(graph.layers) for value in layer.inputs}
    # A result that no layer takes dies as soon as it is made.
    made = range(len(graph.inputs), len(graph.inputs) + len(graph.layers))
    last = {value: value for value in made} | last
    dies: dict[int, list[int]] = {}
    for value, when in last.items():
        if value not in graph.outputs:
            dies.setdefault(when, []).append(value)
    return dies
