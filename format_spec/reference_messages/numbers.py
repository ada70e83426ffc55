"""Logarithms, chances and the like, in integers (messages.md, section 7.1)."""

from __future__ import annotations

import re
from pathlib import Path


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(x, high))


def m(q: int) -> int:
    return min(abs(q), 15)


def sign(q: int) -> int:
    return (q > 0) - (q < 0)


def tables() -> dict[str, list[int]]:
    """L and P, from messages.md itself."""
    text = (Path(__file__).parents[1] / "messages.md").read_text()
    found = re.findall(r"^    ([LP])\n((?: {8}[\d ]+\n)+)", text, re.MULTILINE)
    return {name: [int(n) for n in numbers.split()] for name, numbers in found}


TABLES = tables()


def log2(x: int) -> int:
    e = x.bit_length() - 1
    f = (x << 16 >> e) - (1 << 16)
    cell, past = f >> 10, f % 1024
    return 256 * e + (TABLES["L"][cell] * (1024 - past) + TABLES["L"][cell + 1] * past >> 10)


def octave(x: int, a: int, n: int) -> int:
    return clamp((log2(min(x, 2**32 - 1)) >> 7) - 32 + a, 0, n - 1) if x else 0


def level(x: int) -> int:
    return clamp((log2(x) >> 7) - 8, 0, 12) if x else 0


def chance_of(odds: int) -> int:
    j, f = abs(odds) % 256 >> 2, abs(odds) % 4
    power = (TABLES["P"][j] * (4 - f) + TABLES["P"][j + 1] * f >> 2) >> (abs(odds) >> 8)
    chance = 2**32 // (65536 + power)
    return 65536 - chance if odds < 0 else chance
