"""The learned state of the mixing coder: counters, mixers and the weights of both predictions.

Counters follow C. E. Shannon's and R. Krichevsky's adaptive frequencies with a rate of 1 / (n + 1.6); mixing is that of
M. Mahoney, "Adaptive weighing of context models for lossless data compression" (2005), in integers.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import mixing_prior as prior

NODES = 14
MOST_STRETCH = 2047


def clamp(value: int, low: int, high: int) -> int:
    """`value`, or the bound that it is beyond."""
    return low if value < low else min(value, high)


def log2_fixed(x: int) -> int:
    """Binary logarithm in 1/256, linear between powers of two."""
    exponent = x.bit_length() - 1
    return (exponent << 8) + (x << 8 >> exponent & 255)


def _squash_table() -> list[int]:
    """65536 / (1 + exp(-x / 256)) for x = -2048 .. 2047, between knots that are 64 apart."""
    knots = prior.SQUASH_KNOTS
    lower = []
    for i in range(2049):
        knot = min(i // 64, 31)
        past = i - 64 * knot
        lower.append((knots[knot] * (64 - past) + knots[knot + 1] * past + 32) // 64)
    return lower + [65536 - value for value in lower[2047:0:-1]]


def _stretch_table(squash: Sequence[int]) -> list[int]:
    """The inverse, for probabilities in 2**-12: how many x are squashed below 16 p + 8."""
    table, x = [], 0
    for p in range(4096):
        while x < 4095 and squash[x] < 16 * p + 8:
            x += 1
        table.append(clamp(x - 2048, -MOST_STRETCH, MOST_STRETCH))
    return table


SQUASH = _squash_table()
STRETCH = _stretch_table(SQUASH)
RATES = [655360 // (10 * n + 16) for n in range(1024)]
CONFIDENCES = [256 * (10 * n + 3) // (10 * n + 15) for n in range(1024)]
MIXER_RATES = [48 + 45 * 256 // (n + 16) for n in range(256)]


def _counter(sixteenths: int, count: int) -> int:
    """Probability of a one in 22 bits above 10 bits of count, from log-odds in sixteenths of a nat."""
    return SQUASH[clamp(16 * sixteenths, -MOST_STRETCH, MOST_STRETCH) + 2048] << 16 | count


class Model:
    """All that outlives an array."""

    MOST_TAP = 1 << 18
    _MOST_MIXER = 1 << 16
    _MOST_SCALE = 1 << 22

    def __init__(self) -> None:
        classes = [0, 1] + [2] * (NODES - 2)
        nodes = list(enumerate(classes))
        self.left_counters = [
            [_counter(prior.SCALE[b][n] + prior.LEFT[c][i], 8) for n, c in nodes] for b in range(26) for i in range(12)
        ]
        self.prediction_counters = [
            [_counter(prior.SCALE[b][n] + prior.PREDICTION[c][i], 8) for n, c in nodes]
            for b in range(26)
            for i in range(15)
        ]
        self.neighbour_counters = [
            [_counter(prior.NODE[n] + self._around(prior.NEIGHBOURS[c], i), 4) for n, c in nodes] for i in range(81)
        ]
        self.sign_pairs = [[_counter(odds, 4) for odds in prior.SIGN_PAIR] for _ in range(32)]
        self.sign_predictions = [_counter(odds, 6) for odds in prior.SIGN_PREDICTION]
        self.escape_sizes, self.escape_tops = [_counter(0, 2)] * 32, [_counter(0, 2)] * 32
        self.low_bits = [[_counter(0, 2)] * 4 for _ in range(16)]
        self.mixers = [list(prior.MIXER_START) for _ in range(NODES)] + [list(prior.SIGN_MIXER_START)]
        self._uses = [0] * (NODES + 1)
        self.scale_weights, self.scale_bias = list(prior.SCALE_START), 0
        self.shared_taps = [list(weights) for weights in prior.TAPS_START]
        self.place_taps: list[list[int]] = []

    @staticmethod
    def _around(neighbours: Sequence[Sequence[int]], pattern: int) -> int:
        digits = (pattern // 27, pattern // 9 % 3, pattern // 3 % 3, pattern % 3)
        return sum(odds[digit] for odds, digit in zip(neighbours, digits, strict=True))

    @staticmethod
    def rate(count: int) -> int:
        """1 / (count + 1.6) in 2**-16."""
        return RATES[count]

    def evidence(self, counter: int) -> int:
        """Log-odds of a counter in 1/256 nat, shrunk while it has seen little."""
        return STRETCH[counter >> 20] * CONFIDENCES[counter & 1023] >> 8

    def learned(self, counter: int, bit: int, most: int) -> int:
        """The counter after a bit."""
        count, p = counter & 1023, counter >> 10
        p += ((2**22 - 1 if bit else 0) - p) * RATES[count] >> 16
        return p << 10 | min(count + 1, max(count, most))

    def mix(self, mixer: int, inputs: Sequence[int]) -> int:
        """Chance of a one in 2**-16, 22 .. 65514."""
        total = sum(w * x for w, x in zip(self.mixers[mixer], inputs, strict=True))
        return SQUASH[clamp(total >> 14, -MOST_STRETCH, MOST_STRETCH) + 2048]

    def learn_mixture(self, mixer: int, inputs: Sequence[int], chance: int, bit: int) -> None:
        """A gradient step on the code length of the bit."""
        error = (65535 if bit else 0) - chance >> 4
        step = error * MIXER_RATES[self._uses[mixer]] >> 4
        self._uses[mixer] = min(self._uses[mixer] + 1, 255)
        self.mixers[mixer] = [w + (x * step + 32768 >> 16) for w, x in zip(self.mixers[mixer], inputs, strict=True)]

    def hold(self, kind: int) -> None:
        """Keep the weights within their bounds: at the start of an array and every sixteenth symbol."""
        self.mixers = [[clamp(w, -self._MOST_MIXER, self._MOST_MIXER) for w in weights] for weights in self.mixers]
        self.scale_weights = [clamp(w, -self._MOST_SCALE, self._MOST_SCALE) for w in self.scale_weights]
        self.scale_bias = clamp(self.scale_bias, -self._MOST_SCALE, self._MOST_SCALE)
        self.shared_taps[kind] = [clamp(w, -self.MOST_TAP, self.MOST_TAP) for w in self.shared_taps[kind]]
