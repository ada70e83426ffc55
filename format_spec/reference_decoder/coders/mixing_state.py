"""mixing, sections 8.1, 8.2 and 8.6: numbers, counters, mixers, and the tables that they start from."""

from __future__ import annotations

from bisect import bisect_left

from .range_coder import RangeDecoder
from .tables import section, tables_in


def clamp(x: int, low: int, high: int) -> int:
    return max(low, min(x, high))


def log2f(x: int) -> int:
    """Section 8.1."""
    e = x.bit_length() - 1
    return 256 * e + ((256 * x >> e) - 256)


class MixingState:
    """Section 8.2: what all arrays of a payload share."""

    def __init__(self) -> None:
        t = tables_in(section("8.6"))
        lower = []
        for i in range(2049):
            k = min(31, i // 64)
            knots = t["SQUASH_KNOTS"][k], t["SQUASH_KNOTS"][k + 1]
            lower.append((knots[0] * (64 - i + 64 * k) + knots[1] * (i - 64 * k) + 32) // 64)
        self.squash = lower + [65536 - lower[i] for i in range(2047, 0, -1)]
        self.stretch = [clamp(bisect_left(self.squash, 16 * p + 8, 0, 4095) - 2048, -2047, 2047) for p in range(4096)]
        nodes, scale = range(14), t["SCALE"]
        self.left = [
            [[self.counter(scale[14 * b + n] + t["LEFT"][12 * min(n, 2) + i], 8) for n in nodes] for i in range(12)]
            for b in range(26)
        ]
        self.prediction = [
            [
                [self.counter(scale[14 * b + n] + t["PREDICTION"][15 * min(n, 2) + i], 8) for n in nodes]
                for i in range(15)
            ]
            for b in range(26)
        ]
        self.around = [
            [self.counter(t["NODE"][n] + self.pattern(t["NEIGHBOURS"], min(n, 2), i), 4) for n in nodes]
            for i in range(81)
        ]
        self.sign_pair = [[self.counter(o, 4) for o in t["SIGN_PAIR"]] for _ in range(32)]
        self.sign_prediction = [self.counter(o, 6) for o in t["SIGN_PREDICTION"]]
        self.escape_size, self.escape_top = ([self.counter(0, 2) for _ in range(32)] for _ in range(2))
        self.low_bit = [[self.counter(0, 2) for _ in range(4)] for _ in range(16)]
        self.mixers = [[list(t["MIXER_START"]), 0] for _ in nodes] + [[list(t["SIGN_MIXER_START"]), 0]]
        self.weights, self.bias = t["SCALE_START"], 0
        self.shared = [t["TAPS_START"][8 * kind : 8 * kind + 8] for kind in range(3)]

    @staticmethod
    def pattern(odds: list[int], kind: int, i: int) -> int:
        digits = (i // 27, i // 9 % 3, i // 3 % 3, i % 3)
        return sum(odds[12 * kind + 3 * d + digit] for d, digit in enumerate(digits))

    def counter(self, odds: int, n: int) -> list[int]:
        return [64 * self.squash[clamp(16 * odds, -2047, 2047) + 2048], n]

    def hold(self, kind: int) -> None:
        for mixer in self.mixers:
            mixer[0] = [clamp(w, -(2**16), 2**16) for w in mixer[0]]
        self.weights = [clamp(w, -(2**22), 2**22) for w in self.weights]
        self.bias = clamp(self.bias, -(2**22), 2**22)
        self.shared[kind] = [clamp(w, -(2**18), 2**18) for w in self.shared[kind]]


def rate(n: int) -> int:
    return 655360 // (10 * n + 16)


def adapt(counter: list[int], bit: int, most: int) -> None:
    counter[0] += ((2**22 - 1 if bit else 0) - counter[0]) * rate(counter[1]) >> 16
    counter[1] = min(counter[1] + 1, most)


def read_plain(coder: RangeDecoder, counter: list[int]) -> int:
    bit = coder.bit(clamp(counter[0] >> 6, 32, 65504))
    adapt(counter, bit, 255)
    return bit


def read_mixed(coder: RangeDecoder, state: MixingState, mixer: list, counters: list, z: int) -> int:
    inputs = [state.stretch[p >> 10] * (256 * (10 * n + 3) // (10 * n + 15)) >> 8 for p, n in counters]
    inputs += [0] * (3 - len(counters)) + [z]
    weights, uses = mixer
    total = sum(w * x for w, x in zip(weights, inputs, strict=True))
    chance = state.squash[clamp(total >> 14, -2047, 2047) + 2048]
    bit = coder.bit(chance)
    step = ((65535 if bit else 0) - chance >> 4) * (48 + 11520 // (uses + 16)) >> 4
    mixer[:] = [[w + (x * step + 32768 >> 16) for w, x in zip(weights, inputs, strict=True)], min(uses + 1, 255)]
    for counter in counters:
        adapt(counter, bit, 1023)
    return bit
