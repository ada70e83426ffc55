"""The measured effect of rounding vectors: how fine the steps of biases and norms have to be.

One pass over a few samples with a trial step for the matrices: at each layer, the error that the matrices before it
have made, and the response of the output to small changes of each vector. Both errors grow with the square of their
steps, so one trial serves every rate.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from ..quantize import step_code_at_most
from .activations import SLICE
from .networks import Call, Layer
from .obs import Rounding
from .resume import NoCheckpoint
from .rounding import Tensors
from .sequential import Sequential, TwinPass
from .steps import PARTS, VECTOR_SHARE, Steps, is_matrix, is_vector, root_mean_square
from .tables import table_offsets

TRIAL_FRACTION = 0.25  # the trial step, in root mean squares of all matrices
NUDGE = 2.0**-6  # how far a vector's elements are moved, in units of the smallest one


def measured_steps(job: Sequential, steps: Steps) -> Steps:
    """`steps` with the scales of every vector that the network reaches, and the offsets of its large tables.

    Args:
        job: its calibration data is cut to a slice.
        steps: gives the steps of what is neither matrix nor vector.
    """
    few = replace(job, inputs=job.inputs[:SLICE], rounding=Rounding(paths=1), progress=None, store=NoCheckpoint())
    trial = Steps(PARTS * trial_code(job.rescaled.tensors), steps.other)
    probe = _Probe(few, trial)
    probe.run()
    tables = table_offsets(few, trial, probe.quantized)
    offsets = {name: offset + tables.get(name, 0) for name, offset in steps.offsets.items()}
    return replace(steps, scales=probe.scales, offsets=offsets)


def trial_code(tensors: Tensors) -> int:
    """Step code of a rate at which networks commonly still work."""
    matrices = [values.ravel() for values in tensors.values() if is_matrix(values)]
    squares = sum(float(np.square(m, dtype=np.float64).sum()) for m in matrices)
    return step_code_at_most(TRIAL_FRACTION * math.sqrt(squares / max(sum(m.size for m in matrices), 1)))


class _Probe(TwinPass):
    """A twin pass that leaves vectors and tables as they are and measures the vectors."""

    rounds_tables = False

    def __init__(self, job: Sequential, steps: Steps) -> None:
        super().__init__(job, steps)
        self.scales: dict[str, float] = {}

    def quantize_vectors(
        self, layer: Layer, wanted: Any, quantized_half: Call, carried: np.ndarray | None
    ) -> Any | None:
        result = quantized_half.output(self.values(layer))
        error = self.error(layer, wanted, result, carried)
        noise = float(np.var(error, axis=0, dtype=np.float64).mean())
        step = self.steps.step
        for variable, name in layer.tensors.items():
            values = self.job.rescaled.tensors[name]
            if is_vector(values) and noise > 0 and name not in self.job.rescaled.fixed:
                response = self._response(variable, values, quantized_half, layer)
                # step^2 / 12 * response = share * noise
                wide = math.sqrt(12 * VECTOR_SHARE * noise / response) if response > 0 else root_mean_square(values)
                self.scales[name] = wide / step
        return result

    def _response(self, variable: str, values: np.ndarray, half: Call, layer: Layer) -> float:
        """Mean square of the output's change per mean square of the change of a vector."""
        nonzero = np.abs(values[values != 0])
        nudge = NUDGE * float(nonzero.min()) if nonzero.size else 2.0**-10
        nudge = max(nudge, 2.0**-14 * root_mean_square(values))
        signs = np.where(np.arange(values.size) % 2, 1, -1).astype(values.dtype)
        before = self.values(layer)
        to_numpy = self.job.network.to_numpy
        plain = to_numpy(half.output(before))
        nudged = to_numpy(half.output({**before, variable: (values + nudge * signs).astype(values.dtype)}))
        return float(np.mean(np.square(nudged - plain, dtype=np.float64))) / nudge**2
