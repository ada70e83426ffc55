"""How many bytes the weights take, told while training runs."""

from __future__ import annotations

from typing import Any

import keras

from ..coders import CODERS
from ..scans import to_scan
from .latents import LatentWeight

ESTIMATE = "estimated_nbytes"


def payload_nbytes(weight: LatentWeight) -> int:
    """Bytes of one weight's symbols under the Elias gamma code and of its step codes, a byte each."""
    codes = sum(codes.size for codes in weight.factored().step_codes.values())
    symbols = [to_scan(symbols, "out_first") for symbols in weight.symbols().values()]
    return codes + len(CODERS["elias_gamma"].encode(symbols))


class EstimatedBytes(keras.callbacks.Callback):
    """Adds `estimated_nbytes` of a CompressibleModel to the logs of every epoch, before other callbacks read them."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs[ESTIMATE] = self.model.estimated_nbytes()


class Prices(keras.callbacks.Callback):
    """Renews the prices of a CompressibleModel whose rate is the length of a code, before every epoch."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.refresh_prices()
