"""The rows of the demo's table."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...encoding.encoder import encode
from ...errors import WczError
from . import edge_process
from .data import Digits
from .lenet import accuracy, train_compressible, train_plain


class Row(NamedTuple):
    """One way to keep the network.

    Attributes:
        name: of the way.
        nbytes: of the whole file.
        ratio: bytes of the float32 weights over `nbytes`.
        accuracy_before: on the test images, in Keras, before encoding.
        accuracy_after: of the file, in the edge process; None where there is no file.
        decode_seconds: for all tensors, one after the other; None likewise.
        peak_nbytes: most memory that the decoder process held while it decoded; None likewise.
    """

    name: str
    nbytes: int
    ratio: float
    accuracy_before: float
    accuracy_after: float | None = None
    decode_seconds: float | None = None
    peak_nbytes: int | None = None


class Comparison(NamedTuple):
    """The demo's result.

    Attributes:
        data: name of the data set.
        weights: number of weights of the network.
        images: number of test images.
        rows: of the table.
    """

    data: str
    weights: int
    images: int
    rows: list[Row]


def compare(digits: Digits, seed: int) -> Comparison:
    """Train both networks, encode them in each way and decode each file at the edge."""
    plain = train_plain(digits, seed)
    small = train_compressible(digits, plain)
    plain_accuracy = _keras_accuracy(plain, digits)
    small_accuracy = _keras_accuracy(small, digits)
    weights = plain.count_params()
    rows = [Row("float32 weights", 4 * weights, 1.0, plain_accuracy)]
    with tempfile.TemporaryDirectory() as directory:
        bench = _Bench(Path(directory), digits)
        rows += [
            bench.row("plain, near-lossless", plain, "small", plain_accuracy),
            bench.row("compressible (EPR), Elias gamma as TFC", small, "elias_gamma", small_accuracy),
            bench.row("compressible (EPR)", small, "small", small_accuracy),
        ]
    return Comparison(digits.name, weights, len(digits.y_test), rows)


class _Bench:
    """Encodes models into a directory and tries each file in an edge process."""

    def __init__(self, directory: Path, digits: Digits) -> None:
        self._directory = directory
        self._images = len(digits.y_test)
        np.savez(directory / "test.npz", x=digits.x_test, y=digits.y_test)

    def row(self, name: str, model: Any, coder: str, accuracy_before: float) -> Row:
        """Encode with the layer graph, decode, run, count."""
        file = self._directory / "lenet.wcz"
        report = encode(model, file, coder=coder, graph=True)
        found = _at_the_edge(file, self._directory / "test.npz")
        return Row(
            name,
            report.nbytes,
            report.ratio,
            accuracy_before,
            found["right"] / self._images,
            found["decode_seconds"],
            found["peak_nbytes"],
        )


def _keras_accuracy(model: Any, digits: Digits) -> float:
    return accuracy(model.predict(digits.x_test, batch_size=500, verbose=0), digits.y_test)


def _at_the_edge(file: Path, data: Path) -> dict[str, Any]:
    # -P: modules of this directory are not to be found by their bare names.
    command = [sys.executable, "-P", edge_process.__file__, str(file), str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own file
    if done.returncode:
        raise WczError(f"the edge process failed: {done.stderr.strip()}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report
