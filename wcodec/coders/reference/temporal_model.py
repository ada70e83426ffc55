"""The model of round messages in plain Python (format_spec/messages.md, temporal coder): chances and how they learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

MAX_ODDS = 3455
MAX_WEIGHT = 1 << 18
BIAS = 128
LEVELS = 13
NODES = 14

CodeBit = Callable[[int, int], int]  # chance of a one in 2**-16, the bit if it is known; the bit

# field -> (first word, words): counters, then mixers
_SIZES = {
    "by_activity": 13 * 13,
    "by_history": 24 * 24,
    "by_lines": 20 * 13 * 2,
    "by_recent": 14 * 20,
    "sign_by_last": 9 * 13 * 13,
    "sign_by_lines": 45,
    "sign_by_neighbours": 81,
    "above_by_activity": NODES * 13,
    "above_by_neighbours": NODES * 9,
    "above_by_lines": NODES * 20,
    "escape": 32,
    "zero_mixers": 12 * 5,
    "sign_mixers": 3 * 4,
    "above_mixers": NODES * 4,
}
_STARTS = dict(zip(_SIZES, np.cumsum([0, *_SIZES.values()]).tolist(), strict=False))
TEMPORAL_WORDS = sum(_SIZES.values())

# 256 * log2(1 + i / 64) and 65536 * 2 ** (-i / 64), rounded.
LOG_MANTISSA = (
    0, 6, 11, 17, 22, 28, 33, 38, 44, 49, 54, 59, 63, 68, 73, 78, 82, 87, 92, 96, 100, 105,
    109, 113, 118, 122, 126, 130, 134, 138, 142, 146, 150, 154, 157, 161, 165, 169, 172, 176, 179, 183, 186, 190,
    193, 197, 200, 203, 207, 210, 213, 216, 220, 223, 226, 229, 232, 235, 238, 241, 244, 247, 250, 253, 256,
)  # fmt: skip
POWERS = (
    65536, 64830, 64132, 63441, 62757, 62081, 61413, 60751, 60097, 59449, 58809, 58176, 57549, 56929, 56316, 55709,
    55109, 54515, 53928, 53347, 52773, 52204, 51642, 51085, 50535, 49991, 49452, 48920, 48393, 47871, 47356, 46846,
    46341, 45842, 45348, 44859, 44376, 43898, 43425, 42958, 42495, 42037, 41584, 41136, 40693, 40255, 39821, 39392,
    38968, 38548, 38133, 37722, 37316, 36914, 36516, 36123, 35734, 35349, 34968, 34591, 34219, 33850, 33486, 33125,
    32768,
)  # fmt: skip


def clamp(value: int, low: int, high: int) -> int:
    """`value`, or the nearer end of the range."""
    return low if value < low else high if value > high else value


def log2_256(x: int) -> int:
    """Binary logarithm in 1/256 of 0 < x < 2**32."""
    exponent = x.bit_length() - 1
    fraction = (x >> exponent - 16 if exponent >= 16 else x << 16 - exponent) & 65535
    cell, past = fraction >> 10, fraction & 1023
    return exponent * 256 + (LOG_MANTISSA[cell] * (1024 - past) + LOG_MANTISSA[cell + 1] * past >> 10)


def half_octave(x: int, lowest: int, count: int) -> int:
    """Half octaves of x in units of 2**-16, from 2**(-lowest / 2) on: 0 .. count - 1."""
    return clamp((log2_256(min(x, 2**32 - 1)) >> 7) - 32 + lowest, 0, count - 1) if x else 0


def chance_of(odds: int) -> int:
    """The chance of a one of binary log-odds in 1/256, in 2**-16."""
    size = abs(odds)
    cell, past = (size & 255) >> 2, size & 3
    power = (POWERS[cell] * (4 - past) + POWERS[cell + 1] * past >> 2) >> (size >> 8)
    high = (1 << 32) // (65536 + power)
    return 65536 - high if odds < 0 else high


class Model:
    """What the coder has learned, as the words of the kernel's struct."""

    def __init__(self, words: np.ndarray) -> None:
        """`words`: uint32 (TEMPORAL_WORDS,); `store` writes back to it."""
        self._kept = words
        self.words: list[int] = words.view(np.int32).tolist()
        first = _STARTS["zero_mixers"]
        self.words[:first] = words[:first].tolist()  # counters have no sign

    def store(self) -> None:
        """Keep what was learned."""
        self._kept[:] = np.array([word & 0xFFFFFFFF for word in self.words], np.uint32)

    def decide(
        self, code_bit: CodeBit, contexts: Sequence[tuple[str, int]], mixer: tuple[str, int], learning: tuple[int, int],
        bit: int,
    ) -> int:  # fmt: skip
        """Code one bit by the counters (field, position), the weights (field, number of the mixer); rate and limit."""
        rate, limit = learning
        places = [_STARTS[field] + position for field, position in contexts]
        weights = _STARTS[mixer[0]] + mixer[1] * (len(places) + 1)
        inputs = [self._evidence(place) for place in places] + [BIAS]
        total = sum(self.words[weights + i] * x for i, x in enumerate(inputs))
        chance = chance_of(clamp(total >> 16, -MAX_ODDS, MAX_ODDS))
        bit = code_bit(chance, bit)
        step = ((65536 if bit else 0) - chance) * rate
        for i, x in enumerate(inputs):
            moved = self.words[weights + i] + (step * x + (1 << 21) >> 22)
            self.words[weights + i] = clamp(moved, -MAX_WEIGHT, MAX_WEIGHT)
        for place in places:
            self._learn(place, bit, limit)
        return bit

    def plain(self, code_bit: CodeBit, field: str, position: int, bit: int) -> int:
        """Code one bit by one counter alone."""
        place = _STARTS[field] + position
        bit = code_bit(clamp(self.words[place] >> 16, 32, 65504), bit)
        self._learn(place, bit, 255)
        return bit

    def _evidence(self, place: int) -> int:
        p, n = self.words[place] >> 10, self.words[place] & 1023
        odds = clamp(log2_256(p or 1) - log2_256((1 << 22) - p), -MAX_ODDS, MAX_ODDS) * (10 * n + 3)
        return odds // (10 * n + 15) if odds >= 0 else -(-odds // (10 * n + 15))

    def _learn(self, place: int, bit: int, limit: int) -> None:
        p, n = self.words[place] >> 10, self.words[place] & 1023
        target = (1 << 22) - 1 if bit else 0
        p += (target - p) * (655360 // (10 * n + 16)) >> 16
        self.words[place] = p << 10 | n + (n < limit)


def temporal_start(model: np.ndarray) -> None:
    """Make uint32 (TEMPORAL_WORDS,) a model that has learned nothing."""
    counters = {
        "by_activity": [512 + 1024 * max(divmod(i, LEVELS)) for i in range(LEVELS**2)],
        "by_history": [_prior_of_mean(i // 24 or i % 24, 24) for i in range(24**2)],
        "by_lines": [_prior_of_mean(i // 2 // LEVELS, 20) for i in range(20 * LEVELS * 2)],
        "by_recent": [_prior_of_mean(i % 20, 20) for i in range(14 * 20)],
    }
    for field, count in _SIZES.items():
        start = _STARTS[field]
        if field.endswith("mixers"):
            weights = [19661] * 4 + [0] if field == "zero_mixers" else [26214] * 3 + [0]
            model[start : start + count] = weights * (count // len(weights))
        else:
            even = 6554 if field.startswith("above") else 32768
            model[start : start + count] = np.array(counters.get(field, [even] * count), np.uint32) << 16


def _prior_of_mean(place: int, lowest: int) -> int:
    octave = (place >> 1) - (lowest >> 1)
    if octave >= 0:
        return 49152
    return clamp((110218 if place & 1 else 77936) >> -octave, 64, 49152)
