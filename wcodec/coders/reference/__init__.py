"""The kernel in plain Python: every function of the native module, byte for byte, written to be read."""

from .adaptive import adaptive_encode
from .context import context_cost, context_decode, context_encode
from .mixing import mixing_cost, mixing_decode, mixing_encode, mixing_most_symbols
from .planes import plane_decode, plane_encode
from .rans import RansDecoder
from .rans_contexts import rans_weigh
from .rans_encode import RansBands, rans_count, rans_encode, rans_pack, rans_smooth
from .run_length import run_length_decode, run_length_encode
from .temporal import TEMPORAL_WORDS, temporal_decode, temporal_encode, temporal_remember, temporal_start

__all__ = [
    "TEMPORAL_WORDS",
    "RansBands",
    "RansDecoder",
    "adaptive_encode",
    "context_cost",
    "context_decode",
    "context_encode",
    "mixing_cost",
    "mixing_decode",
    "mixing_encode",
    "mixing_most_symbols",
    "plane_decode",
    "plane_encode",
    "rans_count",
    "rans_encode",
    "rans_pack",
    "rans_smooth",
    "rans_weigh",
    "run_length_decode",
    "run_length_encode",
    "temporal_decode",
    "temporal_encode",
    "temporal_remember",
    "temporal_start",
]
