"""Training on Keras 3: entropy-penalized reparameterization (EPR) of any built model."""

from __future__ import annotations

import importlib
from typing import Any

from .compressible import CompressibleModel, compressible
from .narrowing import live_units, narrowed
from .packing import by_density, packed
from .penalty import power_law
from .plan import default_factorization
from .schedules import Pace, WarmUpCosine
from .units import resized, unit_groups
from .variables import variable_names

# The whole recipe writes files, which is a layer above training: it is loaded when it is asked for.
_ABOVE = ("CompressedFit", "Recipe", "fit_compressed")

__all__ = [
    "CompressedFit",
    "CompressibleModel",
    "Pace",
    "Recipe",
    "WarmUpCosine",
    "by_density",
    "compressible",
    "default_factorization",
    "fit_compressed",
    "live_units",
    "narrowed",
    "packed",
    "power_law",
    "resized",
    "unit_groups",
    "variable_names",
]


def __getattr__(name: str) -> Any:
    if name not in _ABOVE:
        raise AttributeError(f"module 'wcodec.train' has no attribute {name!r}")
    return getattr(importlib.import_module("wcodec.recipe"), name)
