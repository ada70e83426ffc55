"""All coders by number."""

from __future__ import annotations

from ..elements import DTYPES, FLOATS
from . import context, float_planes, mixing, rans, raw, run_length

ALL_DTYPES = set(range(len(DTYPES)))
INTEGER_DTYPES = ALL_DTYPES - FLOATS
# number -> (dtypes that it carries, its decoder: payload, [(shape, dtype)] -> arrays)
CODERS = {
    0: (ALL_DTYPES, raw.decode),
    1: (INTEGER_DTYPES, run_length.decode_elias_gamma),
    2: (INTEGER_DTYPES, context.decode),
    3: (ALL_DTYPES, float_planes.decode),
    4: (INTEGER_DTYPES, run_length.decode_rice),
    5: (INTEGER_DTYPES, rans.decode),
    6: (INTEGER_DTYPES, mixing.decode),
}
