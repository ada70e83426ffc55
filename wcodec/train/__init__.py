"""Training on Keras 3: entropy-penalized reparameterization (EPR), the compression operator, and pruning."""

from __future__ import annotations

import importlib
from typing import Any

from . import hparams, layers, masks, originals
from .clustered import ClusteredModel, cluster_weights, strip_clustering
from .compressible import CompressibleModel, compressible
from .narrowing import live_units, narrowed
from .operators import CompressionOperator, Phase, ScheduleWarning
from .pace import Pace, WarmUpCosine
from .packing import by_density, packed
from .penalty import power_law
from .plan import default_factorization
from .pruning import PrunedModel, prune_low_magnitude, strip_pruning
from .saliency import FirstOrder, Magnitude, WeightChange
from .schedules import AlphaSchedule, ConstantSparsity, PolynomialDecay
from .units import resized, unit_groups
from .variables import variable_names

# The whole recipe writes files, which is a layer above training: it is loaded when it is asked for.
_ABOVE = ("CompressedFit", "Recipe", "fit_compressed", "refine")

__all__ = [
    "AlphaSchedule",
    "ClusteredModel",
    "CompressedFit",
    "CompressibleModel",
    "CompressionOperator",
    "ConstantSparsity",
    "FirstOrder",
    "Magnitude",
    "Pace",
    "Phase",
    "PolynomialDecay",
    "PrunedModel",
    "Recipe",
    "ScheduleWarning",
    "WarmUpCosine",
    "WeightChange",
    "by_density",
    "cluster_weights",
    "compressible",
    "default_factorization",
    "fit_compressed",
    "hparams",
    "layers",
    "live_units",
    "masks",
    "narrowed",
    "originals",
    "packed",
    "power_law",
    "prune_low_magnitude",
    "refine",
    "resized",
    "strip_clustering",
    "strip_pruning",
    "unit_groups",
    "variable_names",
]


def __getattr__(name: str) -> Any:
    if name not in _ABOVE:
        raise AttributeError(f"module 'wcodec.train' has no attribute {name!r}")
    return getattr(importlib.import_module("wcodec.recipe"), name)
