"""Keeping an optimizer's state while the set of trained variables changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras


def rebuilt(
    optimizer: keras.Optimizer, before: Sequence[keras.Variable], after: Sequence[keras.Variable]
) -> keras.Optimizer:
    """An optimizer like `optimizer`, for the variables `after` instead of `before`.

    The count of steps, the learning rate, and the slots (momentum and the like) of variables that stay keep their
    values; what comes new starts at zero. The memory of the slots of what has left is free once `optimizer` is.
    """
    new = type(optimizer).from_config(optimizer.get_config())
    exempt_from_decay(new, [v for v in before if not _inner(optimizer)._use_weight_decay(v)], after)
    new.build(list(after))
    values = _by_path(optimizer)
    for path, variable in _by_path(new).items():
        if path in values and tuple(values[path].shape) == tuple(variable.shape):
            variable.assign(values[path])
    return new


def exempt_from_decay(
    optimizer: keras.Optimizer, exempt: Sequence[keras.Variable], trainable: Sequence[keras.Variable]
) -> None:
    """Add `exempt` to the variables that the optimizer exempts from weight decay already."""
    optimizer = _inner(optimizer)
    if all(not optimizer._use_weight_decay(v) for v in exempt):
        return
    # The public call replaces what the user has excluded, so that is read first.
    excluded = [v for v in trainable if not optimizer._use_weight_decay(v)]
    optimizer.exclude_from_weight_decay(var_list=[*excluded, *exempt])


def _inner(optimizer: keras.Optimizer) -> Any:
    return getattr(optimizer, "inner_optimizer", optimizer)  # under loss scaling


def _by_path(optimizer: keras.Optimizer) -> dict[str, Any]:
    """Path -> variable; a path that two variables share says nothing and is left out."""
    count = Counter(v.path for v in optimizer.variables)
    return {v.path: v for v in optimizer.variables if count[v.path] == 1}
