"""The walk over a tensor (messages.md, section 7.2)."""

from __future__ import annotations

from reference_decoder.coders.range_coder import RangeDecoder
from reference_decoder.errors import require

from .contexts import State
from .errors import MESSAGE
from .numbers import clamp, level, m, octave, sign
from .schema import Tensor


def read_symbols(payload: bytes, tensors: list[Tensor], memories: tuple, state: State) -> list[int]:
    """The symbols of all weights; `memories` are heard and own, or None."""
    coder, symbols = RangeDecoder(payload), []
    for place, t in enumerate(tensors):
        heard, own = (memory and memory.tensors[place] for memory in memories)
        symbols += Walk(coder, state, t, heard, own).read()
    coder.finish()
    return symbols


class Walk:
    """One tensor; names are those of the table in section 7.2."""

    def __init__(self, coder: RangeDecoder, state: State, t: Tensor, heard: dict | None, own: dict | None) -> None:
        self.coder, self.state, self.heard, self.own = coder, state, heard, own
        self.rows, self.columns = t.matrix()
        self.kind = clamp(len(t.shape) - 1, 0, 2)
        self.symbols: list[int] = []
        self.sum, self.recent = 0, 1311
        self.row_sum, self.row_signs = 0, 0
        self.column_sums, self.column_signs = [0] * self.columns, [0] * self.columns
        first = own or heard
        self.before = 328 + (first["mean"][0] // 2 if first else 0)

    def read(self) -> list[int]:
        for r in range(self.rows):
            self.row_sum = self.row_signs = 0
            for c in range(self.columns):
                q = self.symbol(r, c)
                self.symbols.append(q)
                self.sum += m(q)
                self.row_sum += m(q)
                self.column_sums[c] += m(q)
                self.row_signs = clamp(self.row_signs + sign(q), -1000, 1000)
                self.column_signs[c] = clamp(self.column_signs[c] + sign(q), -1000, 1000)
                self.recent += (2**16 * m(q) - self.recent) >> 3
        return self.symbols

    def symbol(self, r: int, c: int) -> int:
        at = r * self.columns + c
        a, b = (self.symbols[at - back] if c >= back else 0 for back in (1, 2))
        u = self.symbols[at - self.columns] if r else 0
        lines = self.lines(r, c)
        levels = [level(memory["activity"][at]) if memory else 0 for memory in (self.heard, self.own)]
        if not self.is_moved(r, c, lines, levels):
            return 0
        is_negative = self.is_negative(at, (a, b, u), levels)
        around = 3 * min(abs(a), 2) + min(abs(u), 2)
        magnitude = 1
        while magnitude < 15 and self.is_above(magnitude, lines, levels, around):
            magnitude += 1
        if magnitude == 15:
            magnitude += self.escape()
            require(magnitude < 2**31, MESSAGE, "a magnitude beyond 2^31 - 1")
        return -magnitude if is_negative else magnitude

    def lines(self, r: int, c: int) -> int:
        now = (2**16 * self.sum + 4 * self.before) // (len(self.symbols) + 4)
        row = (2**16 * self.row_sum + 4 * now) // (c + 4)
        column = (2**16 * self.column_sums[c] + 2 * now) // (r + 2)
        return octave(row * column // max(now, 1), 20, 20)

    def is_moved(self, r: int, c: int, lines: int, levels: list[int]) -> int:
        h = [x["rows"][r] * x["columns"][c] // max(x["mean"][0], 1) if x else 0 for x in (self.heard, self.own)]
        heard, own = octave(h[0], 24, 24), octave(h[1], 24, 24)
        wide = octave(h[1] if self.own else h[0], 20, 20)
        active, own_active = levels
        contexts = [
            ("by_activity", 13 * active + own_active),
            ("by_history", 24 * own + heard),
            ("by_lines", 2 * (13 * lines + active) + (own_active > 4)),
            ("by_recent", 20 * octave(self.recent, 16, 14) + wide),
        ]
        mixer = ("zero", 4 * self.kind + 2 * (active > 0) + (own_active > 0))
        return self.state.decide(self.coder, contexts, mixer, 23, 255)

    def is_negative(self, at: int, around: tuple[int, int, int], levels: list[int]) -> int:
        a, b, u = (1 + sign(q) for q in around)
        heard, own = (1 + memory["last"][at] if memory else 1 for memory in (self.heard, self.own))
        column = 1 + sign(self.column_signs[at % self.columns])
        y = 2 + sign(self.row_signs) * (0, 1, 1, 2)[min(abs(self.row_signs), 3)]
        contexts = [
            ("sign_by_last", 13 * (13 * (3 * heard + own) + levels[0]) + levels[1]),
            ("sign_by_lines", 9 * y + 3 * column + self.kind),
            ("sign_by_neighbours", 9 * a + 3 * u + b),
        ]
        return self.state.decide(self.coder, contexts, ("sign", self.kind), 114, 127)

    def is_above(self, n: int, lines: int, levels: list[int], around: int) -> int:
        contexts = [
            (f"above_by_activity {n}", max(levels)),
            (f"above_by_neighbours {n}", around),
            (f"above_by_lines {n}", lines),
        ]
        return self.state.decide(self.coder, contexts, ("above", n), 23, 255)

    def escape(self) -> int:
        k = 0
        while k < 31 and self.state.read_alone(self.coder, ("escape", k)):
            k += 1
        value = 1
        for _ in range(k):
            value = 2 * value + self.coder.bit(32768)
        return value - 1
