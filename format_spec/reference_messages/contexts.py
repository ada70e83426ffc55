"""What the coder has learned (messages.md, section 7.3)."""

from __future__ import annotations

from reference_decoder.coders.range_coder import RangeDecoder

from .numbers import chance_of, clamp, log2, sign


def poisson(x: int, a: int) -> int:
    if x // 2 >= a // 2:
        return 49152
    return clamp((110218 if x % 2 else 77936) >> a // 2 - x // 2, 64, 49152)


STARTS = {
    "by_activity": lambda i: 512 + 1024 * max(i // 13, i % 13),
    "by_history": lambda i: poisson(i // 24 or i % 24, 24),
    "by_lines": lambda i: poisson(i // 26, 20),
    "by_recent": lambda i: poisson(i % 20, 20),
}


class State:
    """What the coder has learned: contexts [p, n] and mixers [weights], made when they are first asked for."""

    def __init__(self) -> None:
        self.contexts: dict[tuple[str, int], list[int]] = {}
        self.mixers: dict[tuple[str, int], list[int]] = {}

    def context(self, key: tuple[str, int]) -> list[int]:
        name, i = key
        if key not in self.contexts:
            even = 6554 if name.startswith("above") else 32768
            self.contexts[key] = [64 * (STARTS[name](i) if name in STARTS else even), 0]
        return self.contexts[key]

    def decide(self, coder: RangeDecoder, keys: list, mixer: tuple[str, int], rate: int, limit: int) -> int:
        contexts = [self.context(key) for key in keys]
        weights = self.mixers.setdefault(mixer, [19661 if mixer[0] == "zero" else 26214] * len(keys) + [0])
        inputs = []
        for p, n in contexts:
            x = clamp(log2(max(p, 1)) - log2(2**22 - p), -3455, 3455) * (10 * n + 3)
            inputs.append(sign(x) * (abs(x) // (10 * n + 15)))
        inputs.append(128)
        odds = clamp(sum(w * x for w, x in zip(weights, inputs, strict=True)) >> 16, -3455, 3455)
        chance = chance_of(odds)
        bit = coder.bit(chance)
        error = (65536 if bit else 0) - chance
        moved = (w + (error * rate * x + 2**21 >> 22) for w, x in zip(weights, inputs, strict=True))
        weights[:] = [clamp(w, -(2**18), 2**18) for w in moved]
        for context in contexts:
            learn(context, bit, limit)
        return bit

    def read_alone(self, coder: RangeDecoder, key: tuple[str, int]) -> int:
        context = self.context(key)
        bit = coder.bit(clamp(context[0] >> 6, 32, 65504))
        learn(context, bit, 255)
        return bit


def learn(context: list[int], bit: int, limit: int) -> None:
    p, n = context
    context[:] = [p + (((2**22 - 1 if bit else 0) - p) * (655360 // (10 * n + 16)) >> 16), min(n + 1, limit)]
