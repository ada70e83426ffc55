"""Batch normalization behind a matrix: the same function with vectors that cost less.

scale (W x + bias - mean) / sqrt(variance + epsilon) + shift leaves a choice: a factor may move between a row of W and
scale, and between scale and variance; an offset between bias, mean and shift. So the mean, the variance and the scale
are rounded coarsely, the bias becomes zero, and the matrix and the shift make up for all of it exactly, before
anything else is quantized. docs/notes/posttrain.md, "Vectors".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..factorizations import FactoredWeight
from ..quantize import step_code_at_most, to_symbols
from .networks import Layer, Network
from .networks.protocol import Norm
from .rounding import Quantized, multiple
from .sites import Site
from .steps import is_vector, root_mean_square
from .trace import Trace

COARSE = 0.25  # step of a rescaled vector, relative to the size of its elements


@dataclass(frozen=True)
class Rescaled:
    """The same network, written differently.

    Attributes:
        tensors: all of the model's, by name, where they differ from it in their new form.
        moved: the names of those that differ.
        fixed: vectors that are quantized already.
    """

    tensors: Mapping[str, np.ndarray]
    moved: frozenset[str] = frozenset()
    fixed: Quantized = field(default_factory=dict)


def rescale(network: Network, traced: Trace, tensors: Mapping[str, np.ndarray], *, fold: bool) -> Rescaled:
    """Round what a matrix and a shift can make up for.

    Args:
        network: the model.
        traced: says which norm stands behind which matrix.
        tensors: the model's.
        fold: set the moving mean to 0 and the moving variance to 1 in place of rounding them; predictions stay, but
            training cannot go on from there.
    """
    layers = {layer.name: layer for layer in network.layers}
    changed: dict[str, np.ndarray] = {}
    fixed: Quantized = {}
    for name, behind in traced.norms.items():
        pair = _pair(layers[name], layers[behind], tensors)
        if pair is not None:
            found = pair.coarse(fold=fold)
            fixed.update(found)
            changed.update(pair.made_up(found))
    return Rescaled({**tensors, **changed}, frozenset(changed), fixed)


def gain(norm: Norm, names: Mapping[str, str], tensors: Mapping[str, np.ndarray]) -> np.ndarray:
    """What a batch normalization multiplies each channel by, float64; `names` gives the tensor of each variable."""
    scale, variance = (tensors[names[v]].astype(np.float64) for v in (norm.scale, norm.variance))
    return np.asarray(scale / np.sqrt(np.maximum(variance, 0.0) + norm.epsilon))


@dataclass(frozen=True)
class _Pair:
    """A matrix and the norm behind it: names of tensors, and all tensors."""

    site: Site
    weight: str
    bias: str | None
    norm: Norm
    names: Mapping[str, str]  # of the norm's variables
    shift: str
    tensors: Mapping[str, np.ndarray]

    @property
    def vectors(self) -> list[str]:
        """Mean, variance and scale."""
        return [self.names[variable] for variable in (self.norm.mean, self.norm.variance, self.norm.scale)]

    @property
    def fits(self) -> bool:
        """Whether there is one element a row of the matrix, and a finite one."""
        weight, vectors = self.tensors[self.weight], [self.tensors[name] for name in (*self.vectors, self.shift)]
        rows = self.site.rows(weight) if weight.size else 0
        return rows > 0 and all(is_vector(v) and v.size == rows and np.isfinite(v).all() for v in vectors)

    def coarse(self, *, fold: bool) -> Quantized:
        """Mean, variance and scale, rounded; the scale takes up what rounding did to the variance."""
        mean_name, variance_name, scale_name = self.vectors
        mean, variance = self.tensors[mean_name], self.tensors[variance_name]
        if fold:
            means, variances = multiple(np.zeros(mean.shape, np.int32), 0), _ones(variance.shape)
        else:
            means = _rounded(mean, root_mean_square(mean), keep_sign=False)
            variances = _rounded(variance, _geometric_mean(variance), keep_sign=True)
        spread = np.sqrt(variances.factors["weight"].astype(np.float64) + self.norm.epsilon)
        wanted = gain(self.norm, self.names, self.tensors) * spread
        scales = _rounded(wanted, _geometric_mean(wanted), keep_sign=True)
        found = {mean_name: means, variance_name: variances, scale_name: scales}
        if self.bias is not None:
            found[self.bias] = multiple(np.zeros(self.tensors[self.bias].shape, np.int32), 0)
        return found

    def made_up(self, found: Quantized) -> dict[str, np.ndarray]:
        """The rounded vectors, and the matrix and the shift that give the old function with them."""
        rounded = {name: weight.factors["weight"] for name, weight in found.items()}
        before = gain(self.norm, self.names, self.tensors)
        after = gain(self.norm, self.names, {**self.tensors, **rounded})
        ratio = np.divide(before, after, out=np.ones_like(before), where=after != 0)
        weight, shift, mean = self.tensors[self.weight], self.tensors[self.shift], self.names[self.norm.mean]
        centre = self.tensors[mean].astype(np.float64) - (0.0 if self.bias is None else self.tensors[self.bias])
        moved = shift - before * centre + after * rounded[mean].astype(np.float64)
        return {
            **rounded,
            self.weight: self.site.scaled(weight, ratio).astype(weight.dtype),
            self.shift: moved.astype(shift.dtype),
        }


def _pair(matrix: Layer, behind: Layer, tensors: Mapping[str, np.ndarray]) -> _Pair | None:
    if behind.norm is None or behind.additive is None:
        return None
    bias = None if matrix.additive is None else matrix.tensors[matrix.additive]
    weight, shift = matrix.tensors[matrix.sites[0].variable], behind.tensors[behind.additive]
    pair = _Pair(matrix.sites[0], weight, bias, behind.norm, behind.tensors, shift, tensors)
    return pair if pair.fits else None


def _rounded(values: np.ndarray, size: float, *, keep_sign: bool) -> FactoredWeight:
    """Multiples of a coarse step; with `keep_sign` nothing but zero becomes zero."""
    code = step_code_at_most(COARSE * size) if size > 0 else 0
    symbols = to_symbols(values, code)
    if keep_sign:
        symbols = np.where(symbols == 0, np.sign(values), symbols).astype(np.int32)
    return multiple(symbols, code)


def _ones(shape: tuple[int, ...]) -> FactoredWeight:
    return multiple(np.ones(shape, np.int32), step_code_at_most(1.0))


def _geometric_mean(values: np.ndarray) -> float:
    magnitudes = np.abs(values[values != 0].astype(np.float64))
    return math.exp(float(np.log(magnitudes).mean())) if magnitudes.size else 0.0
