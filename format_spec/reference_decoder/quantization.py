"""Steps (quantization.md)."""

from __future__ import annotations

import math

from .errors import STEP_CODE, require

STEP_TABLE = [
    float.fromhex(h) for h in (
        "0x1.000000p+0", "0x1.0b5586p+0", "0x1.172b84p+0", "0x1.2387a6p+0",
        "0x1.306fe0p+0", "0x1.3dea64p+0", "0x1.4bfdaep+0", "0x1.5ab07ep+0",
        "0x1.6a09e6p+0", "0x1.7a1148p+0", "0x1.8ace54p+0", "0x1.9c4918p+0",
        "0x1.ae89fap+0", "0x1.c199bep+0", "0x1.d5818ep+0", "0x1.ea4afap+0",
    )
]  # fmt: skip


def step(code: int) -> float:
    require(-1680 <= code <= 1855, STEP_CODE, "a step code out of range")
    return math.ldexp(STEP_TABLE[code % 16], code // 16 - 20)
