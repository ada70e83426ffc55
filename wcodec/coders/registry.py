"""CODERS: every entropy coder. One file a coder, one line here."""

from __future__ import annotations

from ..errors import UnknownCoderError
from .context import Context
from .elias_gamma import EliasGamma
from .float_planes import FloatPlanes
from .protocol import Coder
from .rans import Rans
from .raw import Raw
from .rice import Rice

CODERS: dict[str, Coder] = {
    coder.name: coder
    for coder in (
        Raw(),
        EliasGamma(),
        Context(),
        FloatPlanes(),
        Rice(),
        Rans(),
    )
}


def find_coder(number: int) -> Coder:
    """The coder of a registry number; UnknownCoderError where there is none."""
    for coder in CODERS.values():
        if coder.number == number:
            return coder
    raise UnknownCoderError(f"no coder has number {number}")
