"""How large a file will be, without writing it.

Error feedback changes which symbols come, and hardly their statistics; an adaptive coder needs a nearly constant share
of the entropy of the symbols' histogram. So one file tells that share, and the histograms of plainly rounded weights
tell the rest: a fraction of a second for a step, where quantizing and coding take many.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..quantize import step_values
from .steps import PARTS, is_matrix

APART = 0.02  # of the entropy: files that are closer tell nothing of a slope
SHARES = (0.5, 1.2)  # that any coder takes of the entropy
MOST_COUNTED = 1 << 12  # larger magnitudes: counted together, with the bits that tell them apart


@dataclass
class SizeEstimate:
    """Of the matrices of a model under a setting (see `Steps`).

    Attributes:
        matrices: their values.
        offsets: of each, to the setting.
        share: bytes of a file over entropy, as far as it is known.
        rest: bytes that do not depend on the setting.
    """

    matrices: Sequence[np.ndarray]
    offsets: Sequence[int]
    share: float = 1.0
    rest: float = 0.0
    _last: tuple[float, int] | None = None  # entropy and bytes of the file before
    _known: dict[tuple[int, int], float] = field(default_factory=dict)  # matrix, step code -> bits

    @classmethod
    def of(cls, tensors: Mapping[str, np.ndarray], offsets: Mapping[str, int]) -> SizeEstimate:
        """For all tensors of a model."""
        matrices = {name: np.asarray(t, np.float32).ravel() for name, t in tensors.items() if is_matrix(t)}
        return cls(list(matrices.values()), [offsets.get(name, 0) for name in matrices])

    def nbytes(self, setting: int) -> float:
        """Of the file."""
        return self.rest + self.share * self._entropy(setting)

    def learn(self, setting: int, nbytes: int) -> None:
        """Take in what a file came to: two at different rates tell what does not depend on it."""
        entropy = self._entropy(setting)
        if self._last is not None and abs(entropy - self._last[0]) > APART * entropy:
            slope = (nbytes - self._last[1]) / (entropy - self._last[0])
            self.share = min(max(slope, SHARES[0]), SHARES[1])
            self.rest = nbytes - self.share * entropy
        elif self._last is not None:
            self.rest += nbytes - self.nbytes(setting)
        else:
            self.share = nbytes / entropy
        self._last = entropy, nbytes

    def finest(self, most: float, low: int, high: int) -> int:
        """The smallest setting of low..high whose file has at most so many bytes; `high` where none has."""
        while low < high:
            middle = (low + high) // 2
            if self.nbytes(middle) <= most:
                high = middle
            else:
                low = middle + 1
        return high

    def _entropy(self, setting: int) -> float:
        """Bytes by the histogram of each matrix; one at least."""
        codes = [(setting + offset) // PARTS for offset in self.offsets]
        return 1 + sum(self._bits(i, code) for i, code in enumerate(codes)) / 8

    def _bits(self, matrix: int, code: int) -> float:
        if (matrix, code) not in self._known:
            self._known[matrix, code] = _bits(self.matrices[matrix], float(step_values(code)))
        return self._known[matrix, code]


def _bits(values: np.ndarray, step: float) -> float:
    magnitudes = np.abs(np.rint(values * np.float32(1 / step)))
    counts = np.bincount(np.minimum(magnitudes, MOST_COUNTED).astype(np.int64))
    present = counts[counts > 0].astype(np.float64)
    signs = values.size - float(counts[0] if counts.size else 0)
    above = magnitudes[magnitudes >= MOST_COUNTED]
    escapes = float(np.log2(above / MOST_COUNTED).sum()) if above.size else 0.0
    total = float(present.sum())
    return total * math.log2(total) - float((present * np.log2(present)).sum()) + signs + escapes if total else 0.0
