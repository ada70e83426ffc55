"""Inputs go through a network some samples at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

Arrays = list[np.ndarray]


def predict_in_batches(
    inputs: Sequence[np.ndarray], batch_size: int, run: Callable[[list[Arrays]], Iterable[Arrays]], *, once: bool
) -> np.ndarray | Arrays:
    """The outputs for all samples: an array (samples, ...), or a list of them where there are several outputs.

    Args:
        inputs: arrays (samples, ...).
        batch_size: samples that go through the network together, at least 1.
        run: the outputs of each of some batches, whose weights are fetched once for all of them.
        once: all batches in one run, for a source that can be read once only.
    """
    starts = range(0, max(len(inputs[0]), 1), batch_size)
    batches = [[value[start : start + batch_size] for value in inputs] for start in starts]
    together = [batches] if once else [[batch] for batch in batches]
    results = [outputs for group in together for outputs in run(group)]
    outputs = [np.concatenate(parts) for parts in zip(*results, strict=True)]
    return outputs if len(outputs) > 1 else outputs[0]
