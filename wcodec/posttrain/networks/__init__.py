"""Networks: a framework's model, opened at its layers while it runs. One file a framework; `registry.py` lists them."""

from .protocol import Call, Layer, Network
from .registry import can_run, open_network

__all__ = ["Call", "Layer", "Network", "can_run", "open_network"]
