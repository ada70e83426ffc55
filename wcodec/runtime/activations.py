"""Activations, written so that no exponential overflows."""

from __future__ import annotations

import math

import numpy as np

from .params import Integer, Param, Real
from .protocol import Array, Op


def relu(x: Array, *, max_value: float = math.inf, negative_slope: float = 0.0, threshold: float = 0.0) -> Array:
    """x from `threshold` to `max_value`, `max_value` above, negative_slope * (x - threshold) below."""
    below = np.float32(negative_slope) * (x - np.float32(threshold))
    return np.where(x >= threshold, np.minimum(x, np.float32(max_value)), below)


def prelu(x: Array, *, alpha: Array) -> Array:
    """x where positive, alpha * x elsewhere; alpha broadcasts over the batch."""
    return np.maximum(x, 0) + alpha * np.minimum(x, 0)


def elu(x: Array, *, alpha: float = 1.0) -> Array:
    """x where positive, alpha * (exp(x) - 1) elsewhere."""
    return np.where(x > 0, x, np.float32(alpha) * np.expm1(np.minimum(x, 0)))


def selu(x: Array) -> Array:
    """Klambauer et al. 2017: scale * elu(x, alpha)."""
    y: Array = np.float32(1.0507009873554805) * elu(x, alpha=1.6732632423543772)
    return y


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    small = np.exp(-np.abs(x))
    y: Array = np.where(x >= 0, np.float32(1), small) / (1 + small)
    return y


def softmax(x: Array, *, axis: int = -1) -> Array:
    """exp(x), normalized along `axis`."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    y: Array = powers / powers.sum(axis=axis, keepdims=True)
    return y


def log_softmax(x: Array, *, axis: int = -1) -> Array:
    """log(softmax(x))."""
    shifted = x - x.max(axis=axis, keepdims=True)
    y: Array = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return y


def silu(x: Array) -> Array:
    """x * sigmoid(x), also called swish."""
    return x * sigmoid(x)


def gelu(x: Array) -> Array:
    """x * Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016)."""
    # Phi(x) = erfc(-x / sqrt 2) / 2: numpy has no erfc, the standard library has an exact one.
    scaled = (x.astype(np.float64) * -math.sqrt(0.5)).ravel()
    gate = np.fromiter(map(math.erfc, scaled), np.float64, scaled.size) / 2
    return x * gate.astype(np.float32).reshape(x.shape)


def gelu_tanh(x: Array) -> Array:
    """The same paper's approximation of gelu by tanh."""
    inner = np.float32(math.sqrt(2 / math.pi)) * (x + np.float32(0.044715) * x**3)
    return np.multiply(x, (1 + np.tanh(inner)) / 2)


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.logaddexp(x, np.float32(0))


def softsign(x: Array) -> Array:
    """x / (1 + |x|)."""
    y: Array = x / (1 + np.abs(x))
    return y


def hard_sigmoid(x: Array) -> Array:
    """x / 6 + 1/2, clipped to 0..1."""
    return np.clip(x / 6 + np.float32(0.5), 0, 1)


def hard_silu(x: Array) -> Array:
    """x * hard_sigmoid(x), also called hard swish."""
    return x * hard_sigmoid(x)


def mish(x: Array) -> Array:
    """x * tanh(softplus(x))."""
    return x * np.tanh(softplus(x))


def exponential(x: Array) -> Array:
    """exp(x), infinite where float32 ends."""
    with np.errstate(over="ignore"):
        return np.exp(x)


_AXIS: dict[str, Param] = {"axis": Integer(-1, low=-8, high=7)}

RELU = Op(
    number=32, run=relu, params={"max_value": Real(math.inf), "negative_slope": Real(0.0), "threshold": Real(0.0)}
)
PRELU = Op(number=33, run=prelu, tensors=("alpha",))
ELU = Op(number=34, run=elu, params={"alpha": Real(1.0)})
SELU = Op(number=35, run=selu)
SIGMOID = Op(number=36, run=sigmoid)
TANH = Op(number=37, run=np.tanh)
SOFTMAX = Op(number=38, run=softmax, params=_AXIS)
LOG_SOFTMAX = Op(number=39, run=log_softmax, params=_AXIS)
SILU = Op(number=40, run=silu)
GELU = Op(number=41, run=gelu)
GELU_TANH = Op(number=48, run=gelu_tanh)
SOFTPLUS = Op(number=42, run=softplus)
SOFTSIGN = Op(number=43, run=softsign)
HARD_SIGMOID = Op(number=44, run=hard_sigmoid)
HARD_SILU = Op(number=45, run=hard_silu)
MISH = Op(number=46, run=mish)
EXPONENTIAL = Op(number=47, run=exponential)
