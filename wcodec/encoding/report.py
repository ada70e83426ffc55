"""What encode() gives back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..decoding.details import TensorDetails

if TYPE_CHECKING:
    from ..posttrain.budget import RatePoint
    from ..posttrain.report import LayerRow


@dataclass(frozen=True)
class EncodeReport:
    """What `encode` wrote.

    Attributes:
        data: the file, where no destination was given, else None.
        nbytes: of the file.
        original_nbytes: of the tensors as they came.
        payload_nbytes: entropy-coded bytes in the file; the rest is container.
        rows: what the file says of each tensor, in model order.
        curve: the rate points that a search with calibration data tried, by rising file size.
        warnings: what the caller should know of that search.
        layers: bits and error of each tensor, where calibration data told of them.
    """

    data: bytes | None
    nbytes: int
    original_nbytes: int
    payload_nbytes: int
    rows: tuple[TensorDetails, ...]
    curve: tuple[RatePoint, ...] = ()
    warnings: tuple[str, ...] = ()
    layers: tuple[LayerRow, ...] = ()

    @property
    def ratio(self) -> float:
        """original / compressed."""
        return self.original_nbytes / self.nbytes

    @property
    def overhead_nbytes(self) -> int:
        """Everything in the file that is not entropy-coded payload."""
        return self.nbytes - self.payload_nbytes

    @property
    def weights(self) -> int:
        """Number of elements of all tensors."""
        return sum(math.prod(row.shape) for row in self.rows)

    @property
    def bits_per_weight(self) -> float:
        """Bits of the whole file over the number of elements."""
        return 8 * self.nbytes / max(self.weights, 1)

    def plot_curve(self, path: Any) -> None:
        """Draw `curve` into a .svg or .png file; needs the extra `plot`."""
        from ..posttrain.report import plot_curve

        plot_curve(self.curve, path)

    def __repr__(self) -> str:
        return f"EncodeReport({len(self.rows)} tensors, {self.nbytes:,} bytes, {self.ratio:.1f}x)"
