"""Pruning in training: masked weights of any Keras layer, by a schedule, and what is left of them in the file.

Names as in the TensorFlow Model Optimization toolkit (TFMOT). The layers are those of Keras, run on mask * weight.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import keras
import numpy as np

from ..errors import OptionError, UnsupportedTypeError
from ..factorizations import FactoredWeight
from .masked_weight import MaskedWeight, as_array
from .masks import STRUCTURES, Blocks, CellStructure, Elements, MByN, Structure, group_masks
from .plan import OwnedWeight
from .saliency import SALIENCIES, Magnitude, Saliency, watched
from .schedules import SPARSITY_SCHEDULES, SparsitySchedule
from .variables import variable_names
from .wrapper import Wrapper, trainable_weights_of


def prune_low_magnitude(
    model: keras.Model,
    pruning_schedule: SparsitySchedule | Mapping[str, SparsitySchedule | None],
    *,
    block_size: tuple[int, int] = (1, 1),
    block_pooling_type: str = "AVG",
    sparsity_m_by_n: tuple[int, int] | None = None,
    structure: Structure | Mapping[str, Structure] | None = None,
    saliency: Saliency | None = None,
    groups: Sequence[str] = (),
) -> PrunedModel:
    """Wrap a built model so that `fit` drops its least weights; then `wcodec.encode` it, or `strip_pruning`.

    Args:
        model: built, on any backend; it is taken over. All its trainable weights of two and more axes that are no
            biases can be pruned: kernels, recurrent and depthwise kernels, embeddings.
        pruning_schedule: for all of them; or name pattern ("dense*/kernel", as fnmatch) -> schedule, or None to leave a
            weight alone: the first match counts, and what no pattern matches is left alone.
        block_size: (height, width) of blocks that are dropped whole; -1 is the whole axis. Of weights that are no
            matrices, single weights are dropped.
        block_pooling_type: "AVG" or "MAX", the score of a block.
        sparsity_m_by_n: (m, n): m of every n consecutive inputs of an output are zero, whatever the sparsity.
        structure: of the masks, in place of the three options above: one of `wcodec.train.masks`; or name pattern ->
            structure, single weights where no pattern matches.
        saliency: which weights are the least, one of `wcodec.train.saliency`; magnitude unless given.
        groups: name patterns; the weights that one matches are pruned together, to the sparsity of all of them: ("*",)
            is global pruning. They share one schedule.

    Raises:
        UnsupportedTypeError: not a Keras model, not built, or a weight that is not floating-point.
        OptionError: an option without meaning, a pattern that matches no weight, or a group of several schedules.
    """
    weights = [w for w in trainable_weights_of(model, "prune_low_magnitude") if _is_prunable(w)]
    schedules = pruning_schedule if isinstance(pruning_schedule, Mapping) else {"*": pruning_schedule}
    named = {
        "pruning_schedule": schedules,
        "groups": groups,
        "structure": structure if isinstance(structure, Mapping) else (),
    }
    for option, patterns in named.items():
        for pattern in patterns:
            if not any(fnmatchcase(weight.name, pattern) for weight in weights):
                raise OptionError(f"{option}: no weight that can be pruned has a name like {pattern!r}")
    plan = {w.name: _first_match(w.name, schedules) for w in weights}
    if structure is None:
        structure = _structure(block_size, block_pooling_type, sparsity_m_by_n)
    elif block_size != (1, 1) or sparsity_m_by_n is not None:
        raise OptionError("structure and block_size or sparsity_m_by_n exclude each other")
    chosen = {name: schedule for name, schedule in plan.items() if schedule is not None}
    if not chosen:
        raise OptionError("pruning_schedule leaves no weight to prune")
    if isinstance(structure, Mapping):
        structure = {name: _first_match(name, structure) or Elements() for name in chosen}
    members = {name: _first_match(name, {pattern: pattern for pattern in groups}) for name in chosen}
    found = {name: group for name, group in members.items() if group is not None}
    return PrunedModel(model, chosen, structure, saliency or Magnitude(), found)


def _first_match(name: str, by_pattern: Mapping[str, Any]) -> Any:
    return next((value for pattern, value in by_pattern.items() if fnmatchcase(name, pattern)), None)


def strip_pruning(model: PrunedModel) -> keras.Model:
    """The plain model, with exact zeros where the masks are.

    Raises:
        UnsupportedTypeError: not what `prune_low_magnitude` made.
    """
    if not isinstance(model, PrunedModel):
        raise UnsupportedTypeError(f"strip_pruning takes what prune_low_magnitude made, not a {type(model).__name__}")
    return model.finalize()


class PrunedRow(NamedTuple):
    """One pruned weight: its name, elements, zeros of its mask, their share, and the score that decided last."""

    name: str
    elements: int
    zeros: int
    sparsity: float
    threshold: float


@keras.saving.register_keras_serializable("wcodec")
class PrunedModel(Wrapper):
    """A model some of whose weights are masked; made by `prune_low_magnitude`."""

    def __init__(
        self,
        inner: keras.Model,
        schedules: Mapping[str, SparsitySchedule],
        structure: Structure | Mapping[str, Structure],
        saliency: Saliency,
        groups: Mapping[str, str] | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(inner, name or f"pruned_{inner.name}")
        self._schedules = dict(schedules)
        self._structure = structure
        self._saliency = saliency
        self._groups = dict(groups or {})
        variables = dict(variable_names(inner))
        self._masked = {
            weight: MaskedWeight(
                weight,
                tuple(variables[weight].shape),
                structure[weight] if isinstance(structure, Mapping) else structure,
                saliency,
                self,
            )
            for weight in schedules
        }
        self._check_groups()
        self._step = self.add_float_or_index(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="steps_done"
        )
        self.step = 0

    def _check_groups(self) -> None:
        """What is pruned together has one schedule, and cells that can be compared."""
        first: dict[str, str] = {}
        for name, group in self._groups.items():
            other = first.setdefault(group, name)
            if self._schedules[name] != self._schedules[other]:
                raise OptionError(f"group {group!r}: {other!r} and {name!r} have different schedules")
            if not isinstance(self._masked[name].structure, CellStructure):
                kind = type(self._masked[name].structure).__name__
                raise OptionError(f"group {group!r}: {kind} decides each weight by itself", tensor=name)

    # -- what it runs on -------------------------------------------------------------------------------------------

    def masked_weights(self) -> list[tuple[MaskedWeight, keras.Variable]]:
        """Mask and variable of each pruned weight, in model order."""
        variables = dict(variable_names(self.inner))
        return [(masked, variables[name]) for name, masked in self._masked.items()]

    def effective_weights(self) -> list[tuple[keras.Variable, Any]]:
        """mask * weight: a masked weight is exactly 0 and has a gradient of 0."""
        ops = keras.ops
        effective = []
        for masked, v in self.masked_weights():
            weight = ops.convert_to_tensor(v)
            kept = weight * ops.cast(masked.mask, weight.dtype)
            if self._saliency.gradient_decay is not None:
                average = ops.convert_to_tensor(masked.state["saliency"])
                kept = watched(kept, weight, average, self._saliency.gradient_decay, self._saliency.gradient_power)
            effective.append((v, kept))
        return effective

    def replaced(self) -> set[int]:
        """None: the weights themselves are trained."""
        return set()

    # -- the schedule ----------------------------------------------------------------------------------------------

    def own_callbacks(self) -> list[keras.callbacks.Callback]:
        """One that counts the steps of `fit`, updates the masks, and logs the sparsity every epoch."""
        return [UpdatePruningStep()]

    def advance(self, steps: int = 1) -> None:
        """Count training steps and update the masks whose schedule says so; for a training loop of your own."""
        self._update(self.step + 1, self.step + steps)
        self.step += steps

    def start(self) -> None:
        """Update the masks that step 0 is for; `fit` does it."""
        if self.step == 0:
            self._update(0, 0)

    def _update(self, first: int, last: int) -> None:
        due = [
            (masked, v, self._schedules[masked.name].sparsity(last))
            for masked, v in self.masked_weights()
            if any(self._schedules[masked.name].updates_at(step) for step in range(first, last + 1))
        ]
        if not due:
            return
        self.fetch_state()
        together: dict[str, list[tuple[MaskedWeight, np.ndarray, float]]] = {}
        for masked, v, sparsity in due:
            scores = masked.scores(as_array(keras.ops.cast(v, "float32")), self._saliency)
            if masked.name in self._groups:
                together.setdefault(self._groups[masked.name], []).append((masked, scores, sparsity))
            else:
                masked.update(scores, sparsity)
        for members in together.values():
            weights, scores_of, sparsities = zip(*members, strict=True)
            found = group_masks(scores_of, [masked.structure for masked in weights], sparsities[0])
            for masked, (mask, threshold) in zip(weights, found, strict=True):
                masked.assign(mask, threshold)

    # -- what comes out --------------------------------------------------------------------------------------------

    def report(self) -> list[PrunedRow]:
        """Sparsity of every pruned weight as it is now."""
        rows = []
        for name, masked in self._masked.items():
            mask = as_array(masked.mask)
            zeros = int(mask.size - mask.sum())
            rows.append(PrunedRow(name, mask.size, zeros, zeros / mask.size, float(as_array(masked.threshold))))
        return rows

    def sparsity(self) -> float:
        """Share of zeros in all pruned weights."""
        rows = self.report()
        return sum(row.zeros for row in rows) / sum(row.elements for row in rows)

    def factored_weights(self) -> dict[str, FactoredWeight | np.ndarray]:
        """Name -> what the encoder takes, in the order of the inner model: a mask and the values that it leaves."""
        arrays = {name: as_array(variable) for name, variable in variable_names(self.inner)}
        return {
            name: self._masked[name].factored(array) if name in self._masked else array
            for name, array in arrays.items()
        }

    def finalize(self) -> keras.Model:
        """The plain model, the very one that was wrapped, with exact zeros where the masks are."""
        for masked, v in self.masked_weights():
            v.assign(as_array(v) * as_array(masked.mask))
        return self.inner

    # -- .keras files ----------------------------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Masks and the step."""
        self._step.assign(self.step)
        super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Back to the step that was saved."""
        super().load_own_variables(store)
        self.step = int(as_array(self._step))

    def get_config(self) -> dict[str, Any]:
        """The inner model, the schedules, and what masks and saliency are made of."""
        return {
            "name": self.name,
            "inner": keras.saving.serialize_keras_object(self.inner),
            "schedules": {name: _to_config(schedule) for name, schedule in self._schedules.items()},
            "structure": _plain(self._structure),
            "saliency": _to_config(self._saliency),
            "groups": self._groups,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> PrunedModel:
        """The model as `get_config` described it, nothing masked; loading a file fills the masks in."""
        config = dict(config)
        inner = keras.saving.deserialize_keras_object(config.pop("inner"), custom_objects=custom_objects)
        schedules = {name: _from_config(s, SPARSITY_SCHEDULES) for name, s in config.pop("schedules").items()}
        made = config.pop("structure")
        structure = (
            _from_config(made, STRUCTURES)
            if "class" in made
            else {name: _from_config(fields, STRUCTURES) for name, fields in made.items()}
        )
        return cls(inner, schedules, structure, _from_config(config.pop("saliency"), SALIENCIES), **config)


class UpdatePruningStep(keras.callbacks.Callback):
    """Moves a PrunedModel along its schedules and adds `sparsity` to the logs of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self._batches = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.model.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.advance(batch + 1 - self._batches)  # more than one where steps_per_execution is
        self._batches = batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["sparsity"] = self.model.sparsity()


def _is_prunable(weight: OwnedWeight) -> bool:
    """Kernels and tables: two axes or more, and not named as a bias (a GRU's has two axes)."""
    return len(weight.variable.shape) >= 2 and weight.name.rsplit("/")[-1] != "bias"


def _structure(block_size: tuple[int, int], pooling: str, m_by_n: tuple[int, int] | None) -> Structure:
    if m_by_n is not None:
        if tuple(block_size) != (1, 1):
            raise OptionError("sparsity_m_by_n and block_size exclude each other")
        return MByN(*m_by_n)
    return Elements() if tuple(block_size) == (1, 1) else Blocks(*block_size, pooling)


def _to_config(made: Any) -> dict[str, Any]:
    return {"class": type(made).__name__, **{f.name: _plain(getattr(made, f.name)) for f in dataclasses.fields(made)}}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return _to_config(value) if dataclasses.is_dataclass(value) else value


def _from_config(config: Mapping[str, Any], classes: Mapping[str, type]) -> Any:
    fields = {k: _from_config(v, classes) if isinstance(v, Mapping) else v for k, v in config.items() if k != "class"}
    if config["class"] not in classes:
        raise UnsupportedTypeError(f"{config['class']!r} is not one of {', '.join(classes)}")
    return classes[config["class"]](**fields)
