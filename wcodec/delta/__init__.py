"""Models as differences from models that the reader has (format_spec/delta.md).

    wcodec.encode(model, "v2.wcz.delta", base="v1.wcz")      # only what changed
    weights = wcodec.decode("v2.wcz.delta", base="v1.wcz")   # bit for bit what decoding v2 in full gives
    wcodec.delta.update("v1.wcz", "v2.wcz.delta", dst="v2.wcz")

Decoding needs the edge set only.
"""

from __future__ import annotations

from typing import Any

from ..container import DEFAULT_LIMITS, Limits
from .content import Content
from .files import SMALL, Manner, Written, read_chain, read_content, write_delta, write_model

__all__ = [
    "SMALL",
    "Content",
    "Manner",
    "Written",
    "between",
    "digest",
    "read_chain",
    "read_content",
    "update",
    "write_delta",
    "write_model",
]


def between(base: Any, model: Any, dst: Any = None, *, limits: Limits = DEFAULT_LIMITS) -> Written:
    """Write the delta file that leads from one model file to another.

    Args:
        base: path, bytes or file object of a model file, or its content.
        model: the same of the model to be reached.
        dst: path (written atomically) or writable file object; None returns the bytes.
        limits: what the files may ask for.

    Raises:
        WczError: a damaged file.
    """
    old, new = (c if isinstance(c, Content) else read_content(c, limits=limits) for c in (base, model))
    return write_delta(new, old, dst)


def update(base: Any, *deltas: Any, dst: Any = None, limits: Limits = DEFAULT_LIMITS) -> Written:
    """Write the model file that a model file and a chain of delta files make.

    Its bytes may differ from those of the model file that the chain was made from; its model digest does not.

    Args:
        base: path, bytes or file object of a model file, or its content.
        deltas: delta files, each for the result of the one before.
        dst: path (written atomically, it may be that of `base`) or writable file object; None returns the bytes.
        limits: what the files may ask for.

    Raises:
        BaseMismatchError: a delta is for another base.
        WczError: a damaged file; `dst` is as it was before.
    """
    return write_model(read_chain(base, *deltas, limits=limits), dst)


def digest(src: Any, *, base: Any = None, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """The model digest of a model file, or of a delta file on its base: 32 bytes.

    It covers names, shapes, dtypes, symbols and steps; not coders, bands and grouping.
    """
    return (read_content(src, limits=limits) if base is None else read_chain(base, src, limits=limits)).digest()
