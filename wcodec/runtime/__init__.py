"""A network run layer by layer from a `.wcz` file, with numpy alone."""

from .graph import Graph, Layer
from .registry import OPS
from .runner import Runner

__all__ = ["OPS", "Graph", "Layer", "Runner"]
