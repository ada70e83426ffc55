"""What the mixing coder expects of the next symbol: its scale and its signed value, from those already known."""

from __future__ import annotations

from .mixing_model import Model, clamp, log2_fixed

CLIPPED = 2047  # magnitudes count as at most this in all means
LINE_LIMIT = 16383
TAPS = 8
PLACES = 256  # in a kernel, with a prediction of their own
UNITS = [4096 // (16 + i) for i in range(16)]
LEFT, LEFT2, RIGHT, ABOVE = 1, 2, 4, 8  # what a neighbour needs in the same kernel


class Walk:
    """The place in an array and the running means of magnitudes, in 2**-12."""

    def __init__(self, model: Model, view: tuple[int, int, int, int]) -> None:
        self._model = model
        _, channels, kernel_rows, self.kernel_columns = view
        self.kernel = kernel_rows * self.kernel_columns
        self.width = channels * self.kernel
        self.kind = 0 if self.kernel == 1 else 1 if kernel_rows == 1 else 2
        self.columns, self.channels = [0] * self.width, [0] * channels
        margin = 2 * self.kernel + 4
        self.lines = [[0] * (margin + self.width + 1) for _ in range(3)]  # this row, above, above that
        self.margin = margin
        self.row = self.column = 0
        self.sum = self.seen = 0
        model.place_taps = [[0] * TAPS for _ in range(min(self.kernel, PLACES))]
        model.hold(self.kind)
        self.taps = self._taps()

    def _taps(self) -> list[tuple[int, int, int]]:
        """Rows above, column offset, needs."""
        k, w = self.kernel, self.kernel_columns
        flat = [(0, -1, 0), (1, 0, 0), (0, -2, 0), (1, -1, 0), (1, 1, 0), (2, 0, 0), (0, -3, 0), (2, -1, 0)]
        one_row = [(0, -1, LEFT), (0, -k, 0), (0, 1 - k, RIGHT), (1, 0, 0)]
        one_row += [(0, -2, LEFT2), (0, -2 * k, 0), (2, 0, 0), (0, -k - 1, LEFT)]
        rows = [(0, -1, LEFT), (0, -w, ABOVE), (0, -k, 0), (1, 0, 0)]
        rows += [(0, -w - 1, LEFT | ABOVE), (0, 1 - w, RIGHT | ABOVE), (0, -2 * k, 0), (2, 0, 0)]
        return (flat, one_row, rows)[self.kind]

    @property
    def place(self) -> int:
        """In the kernel."""
        return self.column % self.kernel

    @property
    def channel(self) -> int:
        """Of the column."""
        return self.column // self.kernel

    def start_symbol(self) -> None:
        """At the start of a row, all that belongs to the row starts too."""
        if self.column == 0:
            self._take_mean()
            self.row_mean = self.recent = self.less_recent = self.mean
            self.left = self.left2 = 0

    def _take_mean(self) -> None:
        self.mean = (self.sum + 8192) // (self.seen + 4)
        self.log_mean = log2_fixed(self.mean + 4)

    def neighbour(self, rows_above: int, offset: int, needs: int = 0) -> int:
        """A clipped symbol; 0 outside the array, and where it is not in the kernel that it has to be in."""
        y, x = divmod(self.place, self.kernel_columns)
        inside = LEFT * (x >= 1) | LEFT2 * (x >= 2) | RIGHT * (x + 1 < self.kernel_columns) | ABOVE * (y >= 1)
        return 0 if needs & ~inside else self.lines[rows_above][self.margin + self.column + offset]

    def learn(self, value: int) -> None:
        """Take a symbol into all means."""
        clipped = clamp(value, -LINE_LIMIT, LINE_LIMIT)
        magnitude = min(abs(clipped), CLIPPED) << 12
        known_channel = self.row or self.place
        column = self.columns[self.column] if self.row else self.mean
        channel = self.channels[self.channel] if known_channel else self.mean
        rows = min(self.row, 1000)
        self.columns[self.column] = self._moved(column, magnitude, 3 + rows)
        self.channels[self.channel] = self._moved(channel, magnitude, 3 + rows * self.kernel + self.place)
        self.row_mean = self._moved(self.row_mean, magnitude, 3 + self.column)
        self.recent += magnitude - self.recent >> 2
        self.less_recent += magnitude - self.less_recent >> 4
        self.sum += magnitude
        self.seen += 1
        if self.seen < 32 or (self.seen < 1024 and self.seen % 16 == 0):
            self._take_mean()
        self.lines[0][self.margin + self.column] = clipped
        self.left, self.left2 = clipped, self.left

    def _moved(self, mean: int, magnitude: int, count: int) -> int:
        return mean + ((magnitude - mean) * self._model.rate(min(count, 1000)) >> 16)

    def step(self) -> None:
        """To the next symbol."""
        self.column += 1
        if self.column == self.width:
            self.column = 0
            self.row += 1
            self.lines = [self.lines[2], self.lines[0], self.lines[1]]


class Outlook:
    """Scale and signed prediction of one symbol, and what is learned when it is known."""

    def __init__(self, model: Model, walk: Walk) -> None:
        self._model, self._walk = model, walk
        self.features = self._features()
        products = sum(f * (w >> 8) for f, w in zip(self.features, model.scale_weights, strict=True))
        offset = clamp(products + model.scale_bias >> 12, -1023, 1023)
        self.scale = clamp(walk.log_mean + offset, 0, 6143)
        self.neighbours = [walk.neighbour(*tap) for tap in walk.taps]
        self._shift = min(20 - (self.scale >> 8), 10)
        self._scaled = [self._in_units(n) for n in self.neighbours]
        self._own, self._shared = model.place_taps[walk.place % PLACES], model.shared_taps[walk.kind]
        total = sum((a + b >> 4) * s for a, b, s in zip(self._own, self._shared, self._scaled, strict=True))
        self.prediction = clamp(total >> 12, -2047, 2047)
        self.ratio = self.prediction * UNITS[self.scale >> 4 & 15] >> 8
        self.bin = clamp(self.ratio + 32 >> 6, -7, 7)

    def _features(self) -> list[int]:
        """Logarithms of six means relative to the array's, each smoothed by the latter."""
        walk, mean = self._walk, self._walk.mean
        previous = min(abs(walk.neighbour(0, -walk.kernel)), CLIPPED) << 12
        means = [
            walk.row_mean + (mean >> 5),
            walk.columns[walk.column] + (mean >> 4) if walk.row else mean,
            walk.channels[walk.channel] + (mean >> 4) if walk.row or walk.place else mean,
            walk.recent + (mean >> 1),
            walk.less_recent + (mean >> 3),
            previous + mean,
        ]
        return [log2_fixed(m + 4) - walk.log_mean for m in means]

    def _in_units(self, value: int) -> int:
        """In units of 2**floor(scale) / 256, within -2047 .. 2047."""
        if self._shift >= 0:
            most = 2047 >> self._shift
            return clamp(value, -most, most) << self._shift
        return clamp(value >> -self._shift, -2047, 2047)

    def learn(self, value: int) -> None:
        """Move the weights of both predictions down the gradients of their errors."""
        clipped = clamp(value, -LINE_LIMIT, LINE_LIMIT)
        if any(self.neighbours):
            actual = clamp(self._in_units(clipped), -1023, 1023)
            error = clamp(actual - self.prediction, -1023, 1023)
            for i, s in enumerate(self._scaled):
                self._own[i] = clamp(
                    self._own[i] + (s * error + 2048 >> 12), -self._model.MOST_TAP, self._model.MOST_TAP
                )
                self._shared[i] += s * error + 256 >> 9
        expected = 256 + (self.scale & 255) << (self.scale >> 8) >> 8
        unit = (expected + 4096).bit_length() - 1
        error = min((min(abs(clipped), CLIPPED) << 12) - expected >> unit - 8, 2047)
        for i, f in enumerate(self.features):
            self._model.scale_weights[i] += f * error + 32 >> 6
        self._model.scale_bias += 2 * error
