"""SHA-256 of a file."""

from __future__ import annotations

import importlib
import sys
from typing import Any

# CPython's own module; renamed in 3.12.
_OWN = "_sha2" if sys.version_info >= (3, 12) else "_sha256"


def sha256(data: bytes = b"") -> Any:
    """A running SHA-256, as hashlib's.

    OpenSSL's is some times faster than the one that comes with CPython, but loading it takes 4 MB of memory: a
    device that only decodes has the other.
    """
    if "_hashlib" not in sys.modules:
        try:
            return importlib.import_module(_OWN).sha256(data)
        except ImportError:  # another Python than CPython
            pass
    import hashlib

    return hashlib.sha256(data)
