"""How factors make a weight (factorizations.md), a family of kinds a file."""

from .kind import factors_of
from .registry import KINDS, rebuild

__all__ = ["KINDS", "factors_of", "rebuild"]
