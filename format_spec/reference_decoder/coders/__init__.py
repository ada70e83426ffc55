"""How payloads become arrays (coders.md), a coder a file."""

from .registry import CODERS

__all__ = ["CODERS"]
