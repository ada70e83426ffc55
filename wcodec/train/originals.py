"""The original libraries' entry points on our operator and pruning: a model and a string of hyperparameters.

    operator = compression_operator(model, "compression_option=1,rank=200,alpha_decrement_value=0.005")
    pruned = pruned_model(model, "target_sparsity=0.9,begin_pruning_step=1000")

Names and defaults are theirs, their traps are not: an unknown name or option is an error, alpha ends at exactly 0 in
`fit` as in a graph, thresholds are exact, and a matrix whose factors would be larger than itself stays dense.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import keras

from ..errors import HyperparameterError, OptionError, naming
from ..factorizations import (
    BlockDiagonal,
    Dictionary,
    Factorization,
    InputOutput,
    KMeans,
    LowRank,
    MixedBlock,
    ProductQuantization,
    SimHash,
    SparseKMeans,
)
from ..factorizations.factory import FactorizationFactory, made_by
from ..factorizations.ranks import graph_compression_documented_rank, graph_compression_rank
from .hparams import COMPRESSION, PRUNING, PRUNING_2018, HParams
from .masks import Blocks, Elements, Histogram, MByN, Structure, kept_count
from .operators import CompressionOperator, grows
from .pruning import PrunedModel
from .saliency import PRUNE_OPTIONS, Saliency, WeightChange
from .schedules import AlphaSchedule, ContribSparsity, PolynomialDecay
from .wrapper import trainable_weights_of

SIMHASH_SEED = 42  # graph_compression's
UNGROUPED = "ungrouped"  # model_pruning's
Shape = tuple[int, ...]


def _matrix(shape: Shape) -> tuple[int, int]:
    return math.prod(shape[:-1]), shape[-1]


def _low_rank(hparams: HParams, shape: Shape) -> Factorization:
    return LowRank(shape, graph_compression_rank(*_matrix(shape), hparams.rank))


def _simhash(hparams: HParams, shape: Shape) -> Factorization:
    return SimHash(shape, graph_compression_documented_rank(*_matrix(shape), hparams.rank), SIMHASH_SEED)


class HashedDictionary(Dictionary):
    """A dictionary whose learning starts from locality-sensitive hashes: `use_lsh`. In a file it is a Dictionary."""

    start = "lsh"


def _dictionary(hparams: HParams, shape: Shape) -> Factorization:
    m, n = _matrix(shape)
    atoms = min(m, int(m * 100 / hparams.rank + 1))
    kind = HashedDictionary if hparams.get("use_lsh", False) else Dictionary
    return kind(shape, atoms, min(atoms, int(n * 100 / hparams.rank + 1)))


def _kmeans(hparams: HParams, shape: Shape) -> Factorization:
    if hparams.get("pruning_fraction", 0.0):
        return SparseKMeans(shape, kept_count(math.prod(shape), hparams.pruning_fraction), hparams.rank)
    if hparams.get("block_size", 1) > 1:
        if hparams.get("do_transpose", False):
            raise HyperparameterError(
                "do_transpose with block_size > 1: blocks run along rows; transpose the weight itself"
            )
        return ProductQuantization(shape, hparams.rank, hparams.block_size)
    return KMeans(shape, hparams.rank)


def _pruned_kmeans(hparams: HParams, shape: Shape) -> Factorization:
    return SparseKMeans(shape, kept_count(math.prod(shape), hparams.get("target_sparsity", 0.5)), hparams.rank)


def _input_output(hparams: HParams, shape: Shape) -> Factorization:
    m, n = _matrix(shape)
    # The older code calls the divisor rank.
    factor = hparams.get("input_compression_factor", 1)
    factor = factor if factor > 1 else hparams.rank
    block_in = min(m, hparams.get("input_block_size", 32)) if hparams.get("compress_input", True) else 1
    block_out = min(n, hparams.get("output_block_size", 1)) if hparams.get("compress_output", False) else 1
    width_out = max(1, block_out // hparams.get("output_compression_factor", 1))
    return InputOutput(shape, block_in, max(1, block_in // factor), block_out, width_out)


def _block_diagonal(hparams: HParams, shape: Shape) -> Factorization:
    return BlockDiagonal(shape, hparams.get("block_compression_factor", 1))


def _mixed_block(hparams: HParams, shape: Shape) -> Factorization:
    m, n = _matrix(shape)
    factor = hparams.get("compression_factor", 1)
    return MixedBlock(shape, hparams.get("num_bases", 1), math.ceil(m / factor), math.ceil(n / factor))


# compression_option -> what it makes of a shape; None trains the weight as it is
OPTIONS: dict[int, Callable[[HParams, Shape], Factorization] | None] = {
    0: None,
    1: _low_rank,
    2: _simhash,
    3: _dictionary,
    4: _kmeans,
    8: _pruned_kmeans,
    9: _input_output,
    10: _block_diagonal,
    12: _mixed_block,
}


def factorization_of(hparams: HParams) -> FactorizationFactory | None:
    """The factorization that `compression_option` and its hyperparameters stand for; None for option 0.

    Raises:
        HyperparameterError: an option that does not exist, or a rank below 1.
    """
    option = hparams.compression_option
    if option not in OPTIONS:
        raise HyperparameterError(f"compression_option {option} is not one of {', '.join(map(str, OPTIONS))}")
    if hparams.rank < 1:
        raise HyperparameterError(f"rank is a number >= 1, not {hparams.rank}")
    make = OPTIONS[option]
    return None if make is None else lambda shape: make(hparams, shape)


def alpha_schedule_of(hparams: HParams) -> AlphaSchedule:
    """The schedule of alpha; raises ScheduleError where it would not reach 0."""
    return AlphaSchedule(
        hparams.begin_compression_step,
        hparams.compression_frequency,
        hparams.alpha_decrement_value,
        hparams.end_compression_step,
    )


def compression_operator(
    model: keras.Model, hparams: HParams | str = "", layers: Sequence[str] = ("*/kernel",)
) -> keras.Model:
    """A CompressionOperator by hyperparameters of graph_compression; the model itself for option 0.

    Args:
        model: built.
        hparams: a string, parsed over the README's defaults, or values of any vintage in `hparams.py`.
        layers: name patterns of the weights it may factor. A matrix of these whose factors would hold as much as
            itself stays dense.

    Raises:
        HyperparameterError: a name, value or option that does not exist.
        ScheduleError: alpha would not reach 0 by `end_compression_step`.
        OptionError: no weight is left to factor.
    """
    values = COMPRESSION.parse(hparams) if isinstance(hparams, str) else hparams
    factory = factorization_of(values)
    if factory is None:
        return model
    plan = {}
    for weight in trainable_weights_of(model, "compression_operator"):
        shape = tuple(weight.variable.shape)
        if len(shape) >= 2 and any(fnmatchcase(weight.name, pattern) for pattern in layers):
            with naming(weight.name):
                factorization = made_by(factory, shape)
            if not grows(factorization):
                plan[weight.name] = factorization
    return CompressionOperator(model, plan, alpha_schedule_of(values), frozen=_frozen(values, plan))


def _frozen(hparams: HParams, plan: Mapping[str, Factorization]) -> set[str]:
    """The factors that is_b_, is_c_ and is_d_matrix_trainable name: the first, second and third that can be trained."""
    frozen = set()
    for factorization in plan.values():
        names = [name for name in factorization.factor_shapes if name not in factorization.integer_factors]
        letters = zip(names, "bcd", strict=False)
        frozen |= {name for name, letter in letters if not hparams.get(f"is_{letter}_matrix_trainable", True)}
    return frozen


def pruned_model(
    model: keras.Model,
    hparams: HParams | str = "",
    *,
    histogram: bool = False,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> PrunedModel:
    """A PrunedModel by hyperparameters of contrib or google-research model_pruning.

    Args:
        model: built.
        hparams: a string, parsed over the defaults of 2018 if it names one of their own (do_not_prune, ...), else over
            the later ones; or values.
        histogram: thresholds by histogram, as the code of 2018 has them; exact otherwise, and then `nbins` and
            `threshold_decay` have no effect.
        groups: group name -> name patterns of its weights, for `group_pruning=true`: the weights of a group are pruned
            together. As there, all other weights are one group more, "ungrouped".

    Raises:
        HyperparameterError: a name or value that does not exist, a weight that two entries of a map are for, or groups
            without `group_pruning`.
        ScheduleError: a sparsity or window without meaning.
    """
    values = _pruning_hparams(hparams) if isinstance(hparams, str) else hparams
    names = [
        weight.name
        for weight in trainable_weights_of(model, "pruned_model")
        if not any(name and name in weight.name for name in values.get("do_not_prune", ()))
        and len(weight.variable.shape) >= 2
        and not weight.name.endswith("bias")
    ]
    members = _groups(values, names, groups or {})
    if members:
        targets = {name: _mapped(values, "group_sparsity_map", group) for name, group in members.items()}
        structures = {name: _structure(values, group, "group_block_dims_map") for name, group in members.items()}
    else:
        only = any(values.get("weight_sparsity_map", ()))
        targets = {name: _mapped(values, "weight_sparsity_map", name) for name in names}
        targets = {name: target for name, target in targets.items() if target or not only}
        structures = {name: _structure(values, name, "block_dims_map") for name in targets}
    if not targets:
        raise OptionError("the hyperparameters leave no weight to prune")
    if histogram:
        structures = dict.fromkeys(structures, Histogram(values.nbins, values.threshold_decay))
    return PrunedModel(
        model,
        {name: _schedule(values, target) for name, target in targets.items()},
        next(iter(structures.values())) if len(set(structures.values())) == 1 else structures,
        _saliency(values),
        members,
    )


def _groups(hparams: HParams, names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Name of a weight -> name of its group; none without group_pruning."""
    if not hparams.get("group_pruning", False):
        if groups:
            raise HyperparameterError("groups need group_pruning=true")
        return {}
    for group, patterns in groups.items():
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise HyperparameterError(f"group {group!r}: no weight that can be pruned has a name like {pattern!r}")
    return {
        name: next((g for g, patterns in groups.items() if any(fnmatchcase(name, p) for p in patterns)), UNGROUPED)
        for name in names
    }


def _pruning_hparams(text: str) -> HParams:
    return (PRUNING_2018 if re.search(r"\bdo_not_prune=", text) else PRUNING).parse(text)


def _schedule(hparams: HParams, target: str | None) -> ContribSparsity:
    """Contrib's, for the target of one weight (computed for that target, not scaled from another)."""
    function = PolynomialDecay(
        hparams.initial_sparsity,
        hparams.target_sparsity if target is None else _number("weight_sparsity_map", target),
        hparams.sparsity_function_begin_step,
        hparams.sparsity_function_end_step,
        hparams.sparsity_function_exponent,
    )
    return ContribSparsity(function, hparams.begin_pruning_step, hparams.end_pruning_step, hparams.pruning_frequency)


def _structure(hparams: HParams, name: str, block_map: str) -> Structure:
    """Of the masks of a weight or group: blocks by the entry of a map that is for it, or else by the sides of all."""
    height, width = hparams.block_height, hparams.block_width
    entry = _mapped(hparams, block_map, name)
    if entry is not None:
        sides = entry.split("x")
        if len(sides) != 2:
            raise HyperparameterError(f"{block_map}: {entry!r} is not of the form 4x4")
        height, width = (int(_number(block_map, side)) for side in sides)
    if hparams.get("intra_block_sparsity", False):
        if height != 1:
            raise HyperparameterError(f"intra_block_sparsity needs block_height 1, not {height}")
        return MByN(round(width * hparams.target_sparsity), width)
    return Elements() if (height, width) == (1, 1) else Blocks(height, width, hparams.block_pooling_function)


def _saliency(hparams: HParams) -> Saliency:
    option = hparams.get("prune_option", "weight")
    if option not in PRUNE_OPTIONS:
        raise HyperparameterError(f"prune_option {option!r} is not one of {', '.join(PRUNE_OPTIONS)}")
    saliency = PRUNE_OPTIONS[option]
    if isinstance(saliency, WeightChange):
        return WeightChange(saliency.order, hparams.gradient_decay_rate)
    return saliency


def _mapped(hparams: HParams, key: str, name: str) -> str | None:
    """The value of the one entry "name-or-regex:value" of a map that is for this weight."""
    entries: list[tuple[str, str]] = []
    for entry in hparams.get(key, ()):
        pattern, colon, value = entry.rpartition(":")
        if entry and not (colon and pattern and value):
            raise HyperparameterError(f"{key}: {entry!r} is not of the form name:value")
        if entry and re.search(pattern, name):
            entries.append((pattern, value))
    if len(entries) > 1:
        raise HyperparameterError(f"{key}: {entries[0][0]!r} and {entries[1][0]!r} are both for {name!r}")
    return entries[0][1] if entries else None


def _number(key: str, text: Any) -> float:
    try:
        return float(text)
    except ValueError:
        raise HyperparameterError(f"{key}: {text!r} is no number") from None
