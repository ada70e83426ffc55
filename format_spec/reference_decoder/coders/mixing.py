"""mixing (section 8): the walk, the predictions and the symbols."""

from __future__ import annotations

import math

import numpy as np

from ..elements import from_symbols
from ..errors import PAYLOAD, require
from .mixing_state import MixingState, clamp, log2f, rate, read_mixed, read_plain
from .range_coder import RangeDecoder


def decode(payload: bytes, specs: list) -> list[np.ndarray]:
    most = 2164 * (8 * len(payload) + 112)
    require(sum(math.prod(shape) for shape, _ in specs) <= most, PAYLOAD, "more symbols than the payload can hold")
    coder, state = RangeDecoder(payload), MixingState()
    arrays = [MixingWalk(coder, state, shape).read() for shape, _ in specs]
    coder.finish()
    return from_symbols(arrays, specs)


class MixingWalk:
    """Sections 8.3 to 8.5: the symbols of one array; letters are those of the text."""

    def __init__(self, coder: RangeDecoder, state: MixingState, shape: tuple) -> None:
        self.coder, self.state, self.size = coder, state, math.prod(shape)
        rank = len(shape)
        self.width = shape[-1] if rank >= 3 else 1
        height = math.prod(shape[2:-1]) if rank >= 3 else 1
        self.kernel = height * self.width
        self.row_size = math.prod(shape[1:]) if rank >= 2 else self.size
        self.kind = 0 if self.kernel == 1 else 1 if height == 1 else 2
        self.v: list[int] = []
        self.sum = 0
        self.column, self.channel = [0] * self.row_size, [0] * (self.row_size // max(self.kernel, 1))
        self.own: dict[int, list[int]] = {}

    def read(self) -> np.ndarray:
        if self.size:
            self.state.hold(self.kind)
        while len(self.v) < self.size:
            self.r, self.j = divmod(len(self.v), self.row_size)
            self.i, self.k = divmod(self.j, self.kernel)
            self.y, self.x = divmod(self.k, self.width)
            if self.j == 0:
                self.take_mean()
                self.row_mean = self.recent = self.less_recent = self.g
            features, scale = self.look()
            n, units, prediction = self.predict(scale)
            symbol = self.symbol(scale, n, prediction)
            self.learn(symbol, features, scale, n, units, prediction)
            if len(self.v) % 16 == 0:
                self.state.hold(self.kind)
        return np.array(self.v, np.int32)

    def s(self, up: int, right: int) -> int:
        """The clipped symbol so far up and right."""
        exists = 0 <= self.j + right < self.row_size and self.r >= up
        return clamp(self.v[len(self.v) - up * self.row_size + right], -16383, 16383) if exists else 0

    def take_mean(self) -> None:
        self.g = (self.sum + 8192) // (len(self.v) + 4)
        self.log_g = log2f(self.g + 4)

    def look(self) -> tuple[list[int], int]:
        g = self.g
        first_place = self.r == 0 and self.k == 0
        means = [
            self.row_mean + (g >> 5),
            self.column[self.j] + (g >> 4) if self.r else g,
            g if first_place else self.channel[self.i] + (g >> 4),
            self.recent + (g >> 1),
            self.less_recent + (g >> 3),
            min(abs(self.s(0, -self.kernel)), 2047) * 2**12 + g,
        ]
        features = [log2f(m + 4) - self.log_g for m in means]
        total = self.state.bias + sum(f * (w >> 8) for f, w in zip(features, self.state.weights, strict=True))
        return features, clamp(self.log_g + clamp(total >> 12, -1023, 1023), 0, 6143)

    def neighbours(self) -> list[int]:
        s, kernel, width, x, y = self.s, self.kernel, self.width, self.x, self.y
        if self.kind == 0:
            return [s(0, -1), s(1, 0), s(0, -2), s(1, -1), s(1, 1), s(2, 0), s(0, -3), s(2, -1)]
        near = s(0, -1) if x >= 1 else 0
        right = x + 1 < width
        if self.kind == 1:
            four = [near, s(0, -kernel), s(0, 1 - kernel) if right else 0, s(1, 0)]
            return [
                *four,
                s(0, -2) if x >= 2 else 0,
                s(0, -2 * kernel),
                s(2, 0),
                s(0, -kernel - 1) if x >= 1 else 0,
            ]
        four = [near, s(0, -width) if y >= 1 else 0, s(0, -kernel), s(1, 0)]
        corner = s(0, -width - 1) if x >= 1 and y >= 1 else 0
        return [*four, corner, s(0, 1 - width) if right and y >= 1 else 0, s(0, -2 * kernel), s(2, 0)]

    def unit(self, v: int, scale: int) -> int:
        shift = min(10, 20 - scale // 256)
        if shift < 0:
            return clamp(v >> -shift, -2047, 2047)
        return clamp(v, -(2047 >> shift), 2047 >> shift) * 2**shift

    def predict(self, scale: int) -> tuple[list[int], list[int], int]:
        n = self.neighbours()
        units = [self.unit(v, scale) for v in n]
        own = self.own.setdefault(self.k % 256, [0] * 8)
        total = sum((a + b >> 4) * m for a, b, m in zip(self.state.shared[self.kind], own, units, strict=True))
        return n, units, clamp(total >> 12, -2047, 2047)

    def symbol(self, scale: int, n: list[int], prediction: int) -> int:
        coder, state = self.coder, self.state
        ratio = prediction * (4096 // (16 + scale // 16 % 16)) >> 8
        lean = clamp(ratio + 32 >> 6, -7, 7)
        b, z = clamp(scale - 1280 >> 7, 0, 25), 4 * ((scale - 1280) % 128) - 256
        u = clamp(scale - 3200 >> 8, 0, 6)

        def coarse(v: int, most: int) -> int:
            return min(most, abs(v) + 2**u // 2 >> u)

        i_left = 3 * coarse(self.s(0, -1), 3) + coarse(self.s(0, -2), 2)
        i_around = 27 * coarse(n[3], 2) + 9 * coarse(n[2], 2) + 3 * coarse(n[0], 2) + coarse(n[1], 2)
        signs = [1 + (v > 0) - (v < 0) for v in n]

        def at_node(node: int, agreement: int) -> int:
            counters = [
                state.left[b][i_left][node],
                state.prediction[b][agreement][node],
                state.around[i_around][node],
            ]
            return read_mixed(coder, state, state.mixers[node], counters, z)

        agreement = abs(lean)
        if not at_node(0, agreement):
            return 0
        counters = [
            state.sign_pair[min(self.k, 31)][3 * signs[0] + signs[1]],
            state.sign_prediction[3 * (lean + 7) + signs[2]],
        ]
        negative = read_mixed(coder, state, state.mixers[14], counters, -2 * ratio)
        if lean and negative != (lean < 0):
            agreement += 7
        high = 0
        while high < 13 and at_node(high + 1, agreement):
            high += 1
        magnitude = 1 + self.low_bits(scale, high)
        require(magnitude < 2**31, PAYLOAD, "a magnitude above 2**31 - 1")
        return -magnitude if negative else magnitude

    def low_bits(self, scale: int, high: int) -> int:
        """Steps 4 and 5 of section 8.5: the magnitude less one."""
        coder, state, h = self.coder, self.state, max(0, scale // 256 - 13)
        top = state.low_bit[h][min(high, 3)]
        if high == 13:
            t = 2
            while t < 31 and read_plain(coder, state.escape_size[t]):
                t += 1
            rest = 2 + read_plain(coder, state.escape_top[t])
            for _ in range(t - 1):
                rest = rest << 1 | coder.bit(32768)
            high = rest + 9
        for i in range(h):
            high = high << 1 | (coder.bit(32768) if i else read_plain(coder, top))
        return high

    def learn(self, v: int, features: list[int], scale: int, n: list[int], units: list[int], prediction: int) -> None:
        state, clipped = self.state, clamp(v, -16383, 16383)
        if any(n):
            error = clamp(clamp(self.unit(clipped, scale), -1023, 1023) - prediction, -1023, 1023)
            own, shared = self.own[self.k % 256], state.shared[self.kind]
            for i, m in enumerate(units):
                own[i] = clamp(own[i] + (m * error + 2048 >> 12), -(2**18), 2**18)
                shared[i] += m * error + 256 >> 9
        q = min(abs(v), 2047) * 2**12
        expected = (256 + scale % 256) * 2 ** (scale // 256) >> 8
        t = (expected + 4096).bit_length() - 1
        error = min(2047, q - expected >> t - 8)
        state.weights = [w + (f * error + 32 >> 6) for w, f in zip(state.weights, features, strict=True)]
        state.bias += 2 * error

        def moved(m: int, count: int) -> int:
            return m + ((q - m) * rate(min(count, 1000)) >> 16)

        rows = min(self.r, 1000)
        first_place = self.r == 0 and self.k == 0
        self.column[self.j] = moved(self.column[self.j] if self.r else self.g, 3 + rows)
        self.channel[self.i] = moved(self.g if first_place else self.channel[self.i], 3 + rows * self.kernel + self.k)
        self.row_mean = moved(self.row_mean, 3 + self.j)
        self.recent += q - self.recent >> 2
        self.less_recent += q - self.less_recent >> 4
        self.sum += q
        self.v.append(v)
        if len(self.v) < 32 or (len(self.v) < 1024 and len(self.v) % 16 == 0):
            self.take_mean()
