"""Run a network from a file with numpy alone, one layer after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any, Self

import numpy as np

from ..decoding.prefetch import ahead
from ..errors import GraphError, LimitError, MemoryBudgetError
from .batches import predict_in_batches
from .budget import MISFIT, Need, TensorNeed, memory_needed
from .forward import ForwardFile
from .graph import Graph, Layer
from .liveness import last_uses
from .opening import open_tensors
from .protocol import check_elements
from .registry import OPS
from .weights import Tensors, Weights

BATCH = 32

Progress = Callable[[int, int, str], None]  # layers done, of how many, op of the last


class Runner:
    """A network that predicts from a `.wcz` file; a context manager.

    A layer's tensors are decoded when the layer runs; an activation is freed after the last layer that takes it. All
    arithmetic is float32, whatever the tensors' dtype. Peak memory is that of one batch, one layer's large tensors, all
    small ones and `keep_bytes`.

    From a source that is read forward only (a pipe), the network runs once, all samples together.
    """

    def __init__(
        self,
        src: Any,
        *,
        keep_bytes: int = 8 << 20,
        memory_budget: int | None = None,
        prefetch: int = 0,
        progress: Progress | None = None,
    ) -> None:
        """Read the graph; decode nothing yet.

        Args:
            src: path, URL, bytes, binary file, pipe, or a file that `wcodec.safe_open` has opened.
            keep_bytes: room for large tensors that stay decoded from batch to batch, in the order of their first use.
                0 decodes each of them anew for every batch.
            memory_budget: bytes that running may take on top of the interpreter; what needs more is refused before
                anything is decoded. Needs a source with random access.
            prefetch: layers whose tensors a thread decodes while the layers before compute.
            progress: called after each layer with (layers done, of how many, op of the last).

        Raises:
            GraphError: the file holds no graph, or one that does not fit its tensors.
            UnknownOpError: a layer with an op that the runtime does not have.
            MemoryBudgetError: not even one sample fits into `memory_budget`; says how much it takes.
        """
        with ExitStack() as stack:
            source = open_tensors(src, stack)
            stored = source.graph()
            if stored is None:
                raise GraphError("the file holds no layer graph: encode the model with graph=True")
            self.graph = Graph.from_wire(stored)
            self._source = source
            self._weights = Weights(source, self.graph, keep_bytes)
            self._keep_bytes, self._budget, self._prefetch, self._progress = (
                keep_bytes,
                memory_budget,
                prefetch,
                progress,
            )
            _check_positions(self.graph, len(self._weights))
            self._dies_at = last_uses(self.graph)
            self._tensors: list[TensorNeed] | None = None
            if memory_budget is not None and all(-1 not in shape for shape in self.graph.inputs):
                self._require_fits([(1, *shape) for shape in self.graph.inputs])
            self._stack = stack.pop_all()

    def memory_needed(self, batch_size: int = 1, *shapes: tuple[int, ...]) -> Need:
        """A bound of the bytes that a batch takes on top of the interpreter, and the layer that takes most.

        Args:
            batch_size: samples that go through the network together.
            shapes: of the inputs without the batch axis; needed where the graph leaves sizes open.

        Raises:
            GraphError: shapes that do not fit, sizes left open, or a source that is read forward only.
        """
        chosen = shapes or self.graph.inputs
        if any(-1 in shape for shape in chosen):
            raise GraphError(f"the inputs {list(chosen)} leave sizes open: say which")
        return self._need([(batch_size, *shape) for shape in chosen])

    def predict(self, x: Any, *, batch_size: int | None = None) -> Any:
        """Outputs for `x`.

        Args:
            x: array (batch, ...), or a sequence of arrays for a network of several inputs, in the network's order.
            batch_size: samples that go through the network together; bounds the memory of the activations. By
                default 32, or as many as fit into the memory budget.

        Returns:
            float32 array (batch, ...), or a list of arrays where the network has several outputs.

        Raises:
            GraphError: `x` does not fit the network, or the graph does not fit its tensors.
            MemoryBudgetError: the batch does not fit into the budget.
        """
        inputs = self._checked_inputs(x)
        if batch_size is not None and batch_size < 1:
            raise GraphError(f"batch_size is at least 1, not {batch_size}")
        size = self._batch_size(batch_size, inputs)
        return predict_in_batches(inputs, size, self._run, once=isinstance(self._source, ForwardFile))

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

    def _batch_size(self, wanted: int | None, inputs: Sequence[np.ndarray]) -> int:
        """What was asked for, or the largest of 32, 16, ... 1 that fits into the budget."""
        size = min(wanted or BATCH, max(len(inputs[0]), 1))
        if self._budget is None:
            return size
        while wanted is None and size > 1 and self._need(_shapes(inputs, size)).nbytes > self._budget:
            size //= 2
        self._require_fits(_shapes(inputs, size))
        return size

    def _need(self, shapes: Sequence[tuple[int, ...]]) -> Need:
        if self._tensors is None:
            if not hasattr(self._source, "needs"):
                raise GraphError("what a network takes is known of files with random access only")
            self._tensors = [TensorNeed(*need) for need in self._source.needs().values()]
        kept, layers_ahead = self._keep_bytes, self._prefetch
        return memory_needed(self.graph, shapes, self._tensors, keep_bytes=kept, layers_ahead=layers_ahead)

    def _require_fits(self, shapes: Sequence[tuple[int, ...]]) -> None:
        need = self._need(shapes)
        if self._budget is not None and need.nbytes > self._budget:
            raise MemoryBudgetError(
                f"{need.nbytes} bytes are needed for {shapes[0][0]} samples at a time (most of them in layer "
                f"{need.layer}, {need.op}), the budget is {self._budget}"
            )

    def _run(self, batches: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
        """The batches through all layers, layer by layer; the outputs of each."""
        values = [{n: v.astype(np.float32, copy=False) for n, v in enumerate(batch)} for batch in batches]
        total = len(self.graph.layers)
        with closing(self._layers_tensors()) as of_layers:
            for number, layer in enumerate(self.graph.layers):
                tensors = self._fetched(of_layers, number, layer)
                made = len(self.graph.inputs) + number
                for alive in values:
                    alive[made] = self._run_layer(number, layer, [alive[v] for v in layer.inputs], tensors)
                    for dead in self._dies_at.get(made, ()):
                        del alive[dead]
                tensors = {}
                if self._progress is not None:
                    self._progress(number + 1, total, layer.op)
        return [[alive[v] for v in self.graph.outputs] for alive in values]

    def _layers_tensors(self) -> Any:
        tensors = self._weights.of_layers()
        return ahead(tensors, self._prefetch) if self._prefetch else tensors

    def _fetched(self, of_layers: Iterator[Tensors], number: int, layer: Layer) -> Tensors:
        try:
            return next(of_layers)
        except MemoryError as e:
            raise LimitError(f"not enough memory for layer {number} ({layer.op})") from e

    def _run_layer(self, number: int, layer: Layer, inputs: Sequence[np.ndarray], tensors: Tensors) -> np.ndarray:
        try:
            with np.errstate(all="ignore"):  # infinities and NaN are IEEE's answer and the network's
                y = OPS[layer.op].run(*inputs, **tensors, **layer.params)
        except MISFIT as e:
            raise GraphError(f"layer {number} ({layer.op}) does not fit its inputs or tensors: {e}") from e
        except MemoryError as e:
            raise LimitError(f"not enough memory for layer {number} ({layer.op})") from e
        if y.shape[:1] != inputs[0].shape[:1]:
            raise GraphError(f"layer {number} ({layer.op}) changed the number of samples")
        check_elements(y.shape)
        return y.astype(np.float32, copy=False)


def _shapes(inputs: Sequence[np.ndarray], batch_size: int) -> list[tuple[int, ...]]:
    return [(batch_size, *value.shape[1:]) for value in inputs]


def _check_positions(graph: Graph, count: int) -> None:
    for number, layer in enumerate(graph.layers):
        if any(position >= count for position in layer.tensors.values()):
            raise GraphError(f"layer {number} ({layer.op}) asks for a tensor that the file does not have")
