"""What TensorFlow Compression's tutorial makes of a model: strings of symbols, float16 logarithms of steps, spectra.

("Scalable model compression", tensorflow.org/tutorials/optimization/compression, CompressedDense and CompressedConv2D.)
The strings are run-length gamma codes, which is our coder elias_gamma, so that no package of TensorFlow Compression is
needed. The tutorial quantizes with a float32 step and decodes with the exponential of its float16 logarithm: the model
that it evaluates is not the one that it ships. Here the step is the decoder's, on the way in and on the way out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..coders import CODERS, ArraySpec
from ..errors import NonFiniteError, UnsupportedTypeError
from ..factorizations import FactoredWeight, Tfc
from ..factorizations.tfc import PLAIN, SPECTRUM
from .normal import scan_by_name
from .protocol import NamedTensor, WithoutGraph


@dataclass(frozen=True)
class TfcWeight:
    """One weight as the tutorial's layers hold it.

    Attributes:
        string: run-length gamma code of its symbols, row-major.
        shape: of the weight, Keras' layout.
        log_step: float16, () for a plain weight; (height, width // 2 + 1, 2) for the spectrum of a kernel.
    """

    string: bytes
    shape: tuple[int, ...]
    log_step: np.ndarray

    @property
    def factorization(self) -> Tfc:
        """How the weight follows from symbols and steps."""
        return Tfc(self.shape, SPECTRUM if np.ndim(self.log_step) else PLAIN)

    @property
    def steps(self) -> np.ndarray:
        """The steps of TFC's decoder: float32 exponentials of the float16 logarithms."""
        return np.exp(np.asarray(self.log_step, np.float64)).astype(np.float32)

    def symbols(self) -> np.ndarray:
        """int32, the shape of `factorization`'s symbols.

        Raises:
            PayloadError: the string does not hold them.
        """
        spec = ArraySpec(self.factorization.factor_shapes["symbols"], np.dtype(np.int32))
        return CODERS["elias_gamma"].decode(self.string, [spec])[0]

    def decoded(self) -> np.ndarray:
        """The weight, float32, as TFC decodes it."""
        return np.asarray(self.factorization.reconstruct({"symbols": self.symbols(), "steps": self.steps}))


@dataclass(frozen=True)
class TfcWeights:
    """The weights of a model, name -> TfcWeight: what `wcodec.encode` takes and `to_tfc` gives."""

    weights: Mapping[str, TfcWeight]


class TfcFrontEnd(WithoutGraph):
    """Stores symbols and steps as they are: encoding is lossless, and the strings can be had again byte for byte."""

    name: ClassVar[str] = "tfc"
    suffixes: ClassVar[tuple[str, ...]] = ()

    def accepts(self, model: Any) -> bool:
        return isinstance(model, TfcWeights)

    def tensors(self, model: TfcWeights) -> Iterator[NamedTensor]:
        for name, weight in model.weights.items():
            if not np.isfinite(weight.steps).all():
                raise NonFiniteError("a step that is not finite", tensor=name)
            factors = {"symbols": weight.symbols(), "steps": weight.steps}
            scan = scan_by_name(name, len(weight.shape))
            yield NamedTensor(name, FactoredWeight(weight.factorization, factors), scan)

    def load(self, model: Any, tensors: Mapping[str, np.ndarray]) -> None:
        raise UnsupportedTypeError("decoded weights do not go back into strings: quantize them with to_tfc")


def from_tfc(model: Any) -> TfcWeights:
    """Read the compressed layers of a Keras model made as in the tutorial.

    A layer's weight `kernel` is found as attributes `kernel_compressed` (a string scalar), `kernel_log_step` and
    `kernel_shape`; of a spectrum the shape (in, out, height, width // 2 + 1, 2) and the layer's `kernel_size`.

    Raises:
        UnsupportedTypeError: no layer has such attributes.
    """
    found: dict[str, TfcWeight] = {}
    for layer in model.layers:
        for part in ("kernel", "bias"):
            string = getattr(layer, f"{part}_compressed", None)
            if string is None:
                continue
            shape = tuple(int(n) for n in getattr(layer, f"{part}_shape"))
            if len(shape) == 5:
                extents = getattr(layer, "kernel_size", shape[2])
                extents = tuple(extents) if isinstance(extents, tuple | list) else (extents, extents)
                shape = (*extents, *shape[:2])
            log_step = np.asarray(getattr(layer, f"{part}_log_step"), np.float16)
            found[f"{layer.name}/{part}"] = TfcWeight(_bytes_of(string), shape, log_step)
    if not found:
        raise UnsupportedTypeError("no layer has strings of TensorFlow Compression: kernel_compressed, bias_compressed")
    return TfcWeights(found)


def to_tfc(weights: Mapping[str, np.ndarray], steps: Mapping[str, float]) -> TfcWeights:
    """Quantize weights so that TFC's decoder makes of the strings what `TfcWeight.decoded` says, exactly its steps.

    Args:
        weights: name -> float array; one of four axes is a convolution kernel and becomes a spectrum.
        steps: name -> step wanted; what counts is the exponential of its logarithm in float16.
    """
    made: dict[str, TfcWeight] = {}
    for name, value in weights.items():
        weight = np.asarray(value, np.float32)
        if not np.isfinite(weight).all():
            raise NonFiniteError("NaN or infinity cannot be quantized", tensor=name)
        log_step: np.ndarray = np.array(math.log(steps[name]), np.float16)
        latent = weight
        if weight.ndim == 4:
            latent = spectrum(weight)
            log_step = np.full(latent.shape[2:], log_step, np.float16)
        step = np.exp(np.asarray(log_step, np.float64))
        symbols = np.rint(latent.astype(np.float64) / step).astype(np.int32)
        string = CODERS["elias_gamma"].encode([symbols])
        made[name] = TfcWeight(string, weight.shape, log_step)
    return TfcWeights(made)


def from_wcz(factors: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> TfcWeight:
    """The string and steps of a decoded tensor of kind tfc."""
    string = CODERS["elias_gamma"].encode([np.asarray(factors["symbols"], np.int32)])
    return TfcWeight(string, shape, np.log(np.asarray(factors["steps"], np.float64)).astype(np.float16))


def spectrum(kernel: np.ndarray) -> np.ndarray:
    """TFC's latent of a kernel (height, width, in, out): (in, out, height, width // 2 + 1, 2) float32."""
    height, width = kernel.shape[:2]
    bins = np.fft.rfft2(kernel.transpose(2, 3, 0, 1).astype(np.float64)) / math.sqrt(height * width)
    return np.stack([bins.real, bins.imag], axis=-1).astype(np.float32)


def _bytes_of(string: Any) -> bytes:
    value = string.numpy() if hasattr(string, "numpy") else string
    return bytes(value) if isinstance(value, bytes) else bytes(np.asarray(value).item())
