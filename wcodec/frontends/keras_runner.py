"""Run an existing Keras model with its weights in a `.wcz` file, those of one layer in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any, Self

import keras
import numpy as np

from ..decoding.prefetch import ahead
from ..errors import GraphError, NameMismatchError, UnsupportedTypeError
from ..runtime.batches import predict_in_batches
from ..runtime.forward import ForwardFile
from ..runtime.opening import open_tensors
from ..runtime.residents import Residents
from ..runtime.runner import BATCH, Progress
from ..train.storage import built_without_weights, release
from ..train.variables import variable_names
from .keras import dtype_of_variable
from .keras_steps import INPUTS, Step, Steps
from .loading import Slot, matched


class KerasRunner:
    """`wcodec.runtime.Runner` for a Keras model: Keras' layers compute, on any backend; a context manager.

    Each layer is called with its weights decoded from the file; they are freed before the next one's are. Values are
    freed after the last layer that takes them. The results are those of the model with the file loaded into it.

    The model is emptied: its variables lose their memory, and reading one is an error until
    `wcodec.load_into(model, src)` brings all of them back. A model that existed with its weights has cost that memory
    once; give a function that builds it, and no weight is ever made. What Keras cannot give back: TensorFlow keeps
    the memory of freed variables for its next tensors, the process does not shrink; an optimizer keeps its slots;
    functions that the model has traced (`predict`, `fit`) are dropped here, those of the caller hold what they hold.
    """

    def __init__(
        self,
        model: keras.Model | Callable[[], keras.Model],
        src: Any,
        *,
        keep_bytes: int = 8 << 20,
        prefetch: int = 0,
        progress: Progress | None = None,
    ) -> None:
        """Open the file and empty the model; decode nothing yet.

        Args:
            model: Sequential or Functional, built; or a function that builds one, uncompiled, which is called so that
                its weights never take memory.
            src: path, URL, bytes, binary file, pipe, or a file that `wcodec.safe_open` has opened.
            keep_bytes: room for large weights that stay from batch to batch, in the order of their first use. 0 decodes
                each of them anew for every batch.
            prefetch: layers whose weights a thread decodes while the layers before compute.
            progress: called after each layer with (layers done, of how many, name of the last).

        Raises:
            UnsupportedTypeError: a model that is neither Sequential nor Functional, or that keeps a state from call to
                call (a stateful recurrent layer).
            NameMismatchError: lists every weight that model and file do not share; the model is as it was.
        """
        with ExitStack() as stack:
            source = open_tensors(src, stack)
            self.model = model if isinstance(model, keras.Model) else built_without_weights(model)
            self._plan = Steps(self.model)
            for step in self._plan.steps:
                _refuse_state(step)
            weights = dict(variable_names(self.model))
            self._slots = {name: Slot(tuple(v.shape), dtype_of_variable(v, name)) for name, v in weights.items()}
            self._source, self._names = source, list(source.keys())
            _check(self._slots, source)
            self._empty(weights)
            position = {id(variable): self._names.index(name) for name, variable in weights.items()}
            layers = [{n: position[id(v)] for n, v in enumerate(step.weights)} for step in self._plan.steps]
            self._residents = Residents(layers, self._fetch, keep_bytes)
            self._dies_at = self._plan.last_uses()
            self._prefetch, self._progress = prefetch, progress
            self._stack = stack.pop_all()

    def predict(self, x: Any, *, batch_size: int = BATCH) -> Any:
        """Outputs for `x`.

        From a source that is read forward only (a pipe) the model runs once, all samples together.

        Args:
            x: array (batch, ...), or a structure of arrays as the model takes it, flattened as Keras does.
            batch_size: samples that go through the model together; bounds the memory of the activations.

        Returns:
            Array (batch, ...), or a list of arrays where the model has several outputs.

        Raises:
            GraphError: `x` does not fit the model, or the source has been read.
            WczError: a damaged file, or one that ends early; names the tensor.
        """
        inputs = self._checked_inputs(x)
        if batch_size < 1:
            raise GraphError(f"batch_size is at least 1, not {batch_size}")
        return predict_in_batches(inputs, batch_size, self._run, once=isinstance(self._source, ForwardFile))

    def close(self) -> None:
        """Close the file if this runner opened it; the model stays empty."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"KerasRunner({self.model.name!r}, {len(self._plan.steps)} layers, {len(self._slots)} tensors)"

    def _empty(self, weights: Mapping[str, keras.Variable]) -> None:
        for name, variable in weights.items():
            rule = "its values are in the file that a KerasRunner reads; wcodec.load_into(model, src) brings them back"
            release(variable, self.model, UnsupportedTypeError(rule, tensor=name))
        # What was traced holds the variables' memory.
        self.model.train_function = self.model.test_function = self.model.predict_function = None

    def _checked_inputs(self, x: Any) -> list[np.ndarray]:
        inputs = [np.asarray(leaf) for leaf in keras.tree.flatten(x)]
        wanted = self.model.inputs
        if len(inputs) != len(wanted):
            raise GraphError(f"the model takes {len(wanted)} inputs, not {len(inputs)}")
        for number, (value, tensor) in enumerate(zip(inputs, wanted, strict=True)):
            sizes = zip(value.shape[1:], tensor.shape[1:], strict=False)
            if value.ndim != len(tensor.shape) or any(want not in (None, size) for size, want in sizes):
                raise GraphError(f"input {number} has shape {tuple(tensor.shape)}, not {value.shape}")
        if len({len(value) for value in inputs}) > 1:
            raise GraphError("the inputs differ in their number of samples")
        return inputs

    def _run(self, batches: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
        """The batches through all layers, layer by layer; the outputs of each."""
        made: list[dict[int, Any]] = [{INPUTS: self._tensors(batch)} for batch in batches]
        steps = self._plan.steps
        with closing(self._steps_tensors()) as of_steps:
            for number, step in enumerate(steps, 1):
                tensors = next(of_steps)
                for alive in made:
                    alive[number] = _called(step, tensors, alive)
                    for dead in self._dies_at.get(number, ()):
                        del alive[dead]
                tensors = {}
                if self._progress is not None:
                    self._progress(number, len(steps), step.operation.name)
        return [[keras.ops.convert_to_numpy(value.of(alive)) for value in self._plan.outputs] for alive in made]

    def _steps_tensors(self) -> Any:
        tensors = self._residents.of_layers()
        return ahead(tensors, self._prefetch) if self._prefetch else tensors

    def _tensors(self, batch: Sequence[np.ndarray]) -> list[Any]:
        convert = keras.ops.convert_to_tensor
        return [convert(value, dtype=t.dtype) for value, t in zip(batch, self.model.inputs, strict=True)]

    def _fetch(self, position: int) -> tuple[Any, int]:
        name = self._names[position]
        array = matched({name: self._slots[name]}, {name: self._source.get_tensor(name)})[name]
        return keras.ops.convert_to_tensor(array), array.nbytes


def _called(step: Step, tensors: Mapping[int, Any], made: Mapping[int, Any]) -> Any:
    """What a step gives; its weights have the values `tensors` for as long as it takes."""
    values = [(variable, tensors[number]) for number, variable in enumerate(step.weights)]
    with keras.StatelessScope(values, initialize_variables=False):
        return step.run(made)


def _refuse_state(step: Step) -> None:
    if getattr(step.operation, "stateful", False):
        raise UnsupportedTypeError(f"layer {step.operation.name!r} keeps a state from call to call")


def _check(slots: Mapping[str, Slot], source: Any) -> None:
    """NameMismatchError where the file and the model differ; of a source with random access the shapes too."""
    stored = dict.fromkeys(source.keys())
    faults = [f"{name!r} is in the model, not in the file" for name in slots if name not in stored]
    faults += [f"{name!r} is in the file, not in the model" for name in stored if name not in slots]
    needs = source.needs() if hasattr(source, "needs") else {}
    faults += [
        f"{name!r} has shape {slot.shape} in the model, {needs[name].shape} in the file"
        for name, slot in slots.items()
        if name in needs and needs[name].shape != slot.shape
    ]
    if faults:
        raise NameMismatchError(f"the model and the file differ: {'; '.join(faults)}")
