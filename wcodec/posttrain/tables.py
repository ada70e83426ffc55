"""Steps of what is rounded without feedback: embeddings, recurrent kernels, layers that no hook sees into.

One step for all is best if a bit buys as much everywhere. The error at the network's output goes with the square of
a step, and a bit a weight quarters it; so per weight, the errors of a table and of the matrices have to be equal. A
small run measures both at one trial step. An embedding is looked up in a few rows and shared by none, and nothing
else of it is known: it commonly bears a step of several times that of the matrices.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..quantize import CODES_PER_OCTAVE
from .activations import SLICE
from .fidelity import OutputError
from .rounding import Quantized, rounded
from .sequential import Sequential
from .steps import PARTS, Steps, is_matrix

WORTH_MEASURING = 0.01  # of all weights; smaller tables keep the step of the matrices
MOST_OCTAVES = 4.0  # that a table's step may be from the matrices'


def table_offsets(job: Sequential, steps: Steps, trial: Quantized) -> dict[str, int]:
    """Tensor name -> what is to be added to its setting (see `Steps`), for each large table.

    Args:
        job: network, tensors and calibration data.
        steps: with the trial setting, the same for all.
        trial: the weights of a pass with these steps, over the first samples.
    """
    tensors = {name: values for name, values in job.rescaled.tensors.items() if is_matrix(values)}
    sites = {layer.tensors[site.variable] for layer in job.network.layers for site in layer.sites}
    total = sum(values.size for values in tensors.values())
    tables = [n for n, v in tensors.items() if n not in sites and v.size >= WORTH_MEASURING * total]
    matrices = {name: trial[name].factors["weight"] for name in tensors if name in sites and name in trial}
    if not tables or not matrices:
        return {}
    outputs = OutputError(job.network, job.inputs[:SLICE])
    original = dict(job.rescaled.tensors)

    def error_per_weight(changed: Mapping[str, np.ndarray]) -> float:
        with job.network.loaded({**original, **changed}):
            return outputs.relative() / sum(values.size for values in changed.values())

    usual = error_per_weight(matrices)
    offsets = {}
    for name in tables:
        weight = rounded(name, tensors[name], steps)
        own = error_per_weight({name: weight.factors["weight"]}) if weight is not None else 0.0
        if own > 0 and usual > 0:
            octaves = min(max(0.5 * math.log2(usual / own), -MOST_OCTAVES), MOST_OCTAVES)
            offsets[name] = PARTS * round(CODES_PER_OCTAVE * octaves)
    return offsets
