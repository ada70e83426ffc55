"""How far a quantized network's answers are from those of the float one."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError
from .activations import slices
from .networks import Network
from .networks.protocol import Inputs


def log_probabilities(outputs: np.ndarray) -> np.ndarray:
    """float64 log-probabilities over the last axis, of logits or of probabilities (rows >= 0 that sum to 1)."""
    values = np.asarray(outputs, np.float64)
    if values.size and values.min() >= 0 and np.allclose(values.sum(axis=-1), 1, atol=1e-4):
        return np.log(np.maximum(values, 1e-30))
    shifted = values - values.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


class Fidelity:
    """The float network's answers on some inputs, to compare with.

    Attributes:
        reference: log-probabilities of the float network (samples, ..., classes).
    """

    def __init__(self, network: Network, inputs: Inputs) -> None:
        self._network, self._inputs = network, inputs
        outputs = _outputs(network, inputs)
        if outputs.ndim < 2 or outputs.shape[-1] < 2:
            raise OptionError(f"outputs of shape {outputs.shape} are no classes: give evaluate= in place of max_kl=")
        self.reference = log_probabilities(outputs)

    def divergence(self) -> float:
        """Mean Kullback-Leibler divergence KL(float || as the network is now) in nats."""
        now = log_probabilities(_outputs(self._network, self._inputs))
        terms = np.exp(self.reference) * (self.reference - now)
        return float(terms.sum(axis=-1).mean())


class OutputError:
    """The float network's outputs on some inputs, whatever they mean, to compare with."""

    def __init__(self, network: Network, inputs: Inputs) -> None:
        self._network, self._inputs = network, inputs
        self._reference = _outputs(network, inputs).astype(np.float64)

    def relative(self) -> float:
        """Squared error of the outputs as the network is now, over their variance; 0 for outputs that never vary."""
        error = np.square(_outputs(self._network, self._inputs) - self._reference).mean()
        variance = float(np.var(self._reference, axis=0).mean())
        return float(error) / variance if variance > 0 else 0.0


def _outputs(network: Network, inputs: Inputs) -> np.ndarray:
    return np.concatenate([network.run(inputs[samples]) for _, samples in slices(len(inputs))])
