"""Quantizing every weight against the moments that the float network gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import naming
from ..factorizations import FactoredWeight
from .moments import Moments
from .obs import Factor, Rounding, damped, factored
from .rescale import Rescaled
from .rounding import Damping, Result, rounded, rounded_with_feedback
from .sites import Site
from .steps import Steps


@dataclass
class OneShot:
    """A rate point takes fractions of a second once the moments are known.

    Attributes:
        rescaled: the model's tensors.
        sites: tensor name -> site.
        moments: tensor name -> moments of its input; tensors without are rounded by themselves.
        damping: of the feedback.
        rounding: how hard symbols are searched for.
    """

    rescaled: Rescaled
    sites: Mapping[str, Site]
    moments: Mapping[str, Moments]
    damping: Damping
    rounding: Rounding
    _factors: dict[str, list[Factor]] = field(default_factory=dict, repr=False)

    def quantize(self, steps: Steps) -> Result:
        """All float tensors; names the tensor in every error."""
        result = Result(dict(self.rescaled.fixed))
        for name, values in self.rescaled.tensors.items():
            if name in result.weights:
                continue
            measured = name in self.moments
            weight = self._with_feedback(name, values, steps, result) if measured else rounded(name, values, steps)
            if weight is not None:
                result.weights[name] = weight
        return result

    def _with_feedback(self, name: str, values: np.ndarray, steps: Steps, result: Result) -> FactoredWeight | None:
        code = steps.code_of(name, values)
        if code is None:
            return None
        site = self.sites[name]
        with naming(name):
            if name not in self._factors:
                moments = self.moments[name].inputs(centred=False)
                self._factors[name] = [factored(damped(h, self.damping.feedback)) for h in moments]
            matrices = list(site.to_matrices(values))
            weight, result.noise[name] = rounded_with_feedback(
                site, matrices, self._factors[name], code, values.shape, self.rounding
            )
        return weight
