"""Which kernel the coders run on: the native module, or its readable twin in plain Python.

Chosen once, at import, by the environment variable WCODEC_BACKEND ("native", the default, or "reference"). Both give
the same bytes; the reference is some hundred times slower. There is no silent fallback from one to the other.

Attributes:
    NAME: "native" or "reference".
    kernel: the module with the kernel's functions; `wcodec/_native.pyi` lists them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

NAME: str = os.environ.get("WCODEC_BACKEND", "native")

if TYPE_CHECKING:
    from . import _native as kernel
elif NAME == "native":
    try:
        from . import _native as kernel
    except ImportError as error:
        raise ImportError(
            "wcodec's native kernel is not built for this Python: build it with `pip install .` in the source tree, "
            "or set WCODEC_BACKEND=reference for the slow kernel in plain Python"
        ) from error
elif NAME == "reference":
    from .coders import reference as kernel
else:
    raise ImportError(f"WCODEC_BACKEND is {NAME!r}; it may be 'native' or 'reference'")

__all__ = ["NAME", "kernel"]
