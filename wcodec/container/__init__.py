"""The container: bytes <-> records and payloads. It never sees a weight."""

from .layout import DEFAULT_LIMITS, Limits
from .manifest import Stream, TensorChunk
from .names import NameEntry
from .random_access import RandomAccess
from .reader import Reader
from .writer import Writer

__all__ = [
    "DEFAULT_LIMITS",
    "Limits",
    "NameEntry",
    "RandomAccess",
    "Reader",
    "Stream",
    "TensorChunk",
    "Writer",
]
