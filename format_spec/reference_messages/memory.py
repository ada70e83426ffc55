"""What earlier messages say of the weights (messages.md, section 7)."""

from __future__ import annotations

import copy

from .contexts import State
from .model import Model
from .numbers import m, sign
from .schema import WEIGHT, split


class Memory:
    """What earlier messages of one sender said of the weights of a model; a dictionary a tensor."""

    def __init__(self, model: Model) -> None:
        self.count, self.state = 0, State()
        self.tensors = []
        for t in model.of_role(WEIGHT):
            rows, columns = t.matrix()
            zeros = {"activity": t.size, "last": t.size, "rows": rows, "columns": columns}
            self.tensors.append({key: [0] * size for key, size in zeros.items()} | {"mean": [0]})

    def after(self, model: Model, symbols: list[int], state: State) -> Memory:
        """The memory after a message."""
        new = copy.deepcopy(self)
        new.count, new.state = self.count + 1, state
        for memory, (t, part) in zip(new.tensors, split(model.of_role(WEIGHT), symbols), strict=True):
            rows, columns = t.matrix()
            memory["activity"] = [a - (a >> 2) + 256 * m(q) for a, q in zip(memory["activity"], part, strict=True)]
            memory["last"] = [sign(q) or last for last, q in zip(memory["last"], part, strict=True)]
            lines = {
                "rows": [part[r * columns : (r + 1) * columns] for r in range(rows)],
                "columns": [part[c::columns] for c in range(columns)],
                "mean": [part],
            }
            for key, groups in lines.items():
                seen = [(sum(map(m, group)) << 16) // len(group) for group in groups]
                memory[key] = [x - (x >> 2) + (s >> 2) for x, s in zip(memory[key], seen, strict=True)]
        return new
