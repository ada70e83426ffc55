"""Whatever a runner is given -> a source of tensors."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from typing import Any

from ..decoding.decoder import safe_open
from ..sources import NoRangesWarning, Remote
from ..sources.opening import as_remote, is_forward_only
from ..sources.remote import is_url
from .forward import ForwardFile
from .protocol import TensorSource


def open_tensors(src: Any, stack: ExitStack) -> TensorSource:
    """An opened file for random access where the source allows that, else one that is read forward once.

    Args:
        src: path, URL, bytes, binary file, pipe, or a file that `wcodec.safe_open` has opened.
        stack: closes what is opened here.
    """
    if hasattr(src, "get_tensor"):
        return src  # type: ignore[no-any-return]
    if is_forward_only(src):
        return _forward(src, stack)
    if (is_url(src) or isinstance(src, Remote)) and not as_remote(src).has_ranges():
        warnings.warn(f"{as_remote(src).url}: the server has no ranges; the network runs once, as it arrives",
                      NoRangesWarning, stacklevel=4)  # fmt: skip
        return _forward(src, stack)
    return stack.enter_context(safe_open(src))


def _forward(src: Any, stack: ExitStack) -> ForwardFile:
    file = ForwardFile(src)
    stack.callback(file.close)
    return file
