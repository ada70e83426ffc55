"""PROFILES: the names that `coder=` of `encode` takes."""

from __future__ import annotations

from ..chunks.encoder import Choice, Profile
from ..coders import CODERS
from ..errors import OptionError


def _choice(*names: str, margin: float = 0.0) -> Choice:
    return Choice(tuple(CODERS[name] for name in names), margin)


# coder= of encode -> coders to choose from for symbols, coders for what is stored bit for bit
PROFILES = {
    "small": Profile(_choice("mixing", "context"), _choice("float_planes"), scan_coder=CODERS["mixing"]),
    "fast": Profile(_choice("rans", "mixing", margin=0.1), _choice("float_planes")),
    "auto": Profile(_choice("rans", "context", "mixing", margin=0.03), _choice("float_planes")),
    "mixing": Profile(_choice("mixing"), _choice("float_planes")),
    "rans": Profile(_choice("rans"), _choice("float_planes")),
    "context": Profile(_choice("context"), _choice("float_planes")),
    "elias_gamma": Profile(_choice("elias_gamma"), _choice("float_planes")),
    "rice": Profile(_choice("rice"), _choice("float_planes")),
    "raw": Profile(_choice("raw"), _choice("raw")),
}


def find_profile(name: str) -> Profile:
    """The profile of a name.

    Raises:
        OptionError: there is none.
    """
    if not isinstance(name, str) or name not in PROFILES:
        raise OptionError(f"coder {name!r} is not one of {', '.join(PROFILES)}")
    return PROFILES[name]
