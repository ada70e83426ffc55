"""A factorization of your own: W = kron(a, b), trained through, coded, and decoded by another process.

python examples/own_factorization.py
"""

import hashlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

import wcodec
from wcodec.factorizations import Factorization


@wcodec.register_factorization
@dataclass(frozen=True)
class Kronecker(Factorization):
    """W (m1 m2, n1 n2) = kron(a (m1, n1), b (m2, n2)); the nearest one by an SVD (Van Loan and Pitsianis, 1993)."""

    kind: ClassVar[str] = "example.kronecker"

    rows: int  # m1
    columns: int  # n1

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        m, n = self.shape
        return {"a": (self.rows, self.columns), "b": (m // self.rows, n // self.columns)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        (m1, n1), (m2, n2) = self.factor_shapes.values()
        blocks = weight.reshape(m1, m2, n1, n2).transpose(0, 2, 1, 3).reshape(m1 * n1, m2 * n2)
        u, s, vt = np.linalg.svd(blocks, full_matrices=False)
        root = np.sqrt(s[0])
        return {"a": (u[:, 0] * root).reshape(m1, n1), "b": (vt[0] * root).reshape(m2, n2)}

    def reconstruct(self, factors: Any, xp: Any = np) -> Any:
        return xp.reshape(xp.einsum("ij,kl->ikjl", factors["a"], factors["b"]), self.shape)


def main() -> None:
    """Train a layer whose weight is a Kronecker product, encode it, and decode it in another process."""
    import keras

    rng = np.random.default_rng(0)
    target = np.kron(rng.normal(size=(8, 8)), rng.normal(size=(16, 16))).astype(np.float32)
    x = rng.normal(size=(2000, 128)).astype(np.float32)
    model = keras.Sequential([keras.Input((128,)), keras.layers.Dense(128, use_bias=False, name="layer")])
    factory = {"layer/kernel": lambda shape: Kronecker(shape, rows=8, columns=8)}
    wrapped = wcodec.train.compressible(model, 0.0, initial_log_step=-6.0, factorizations=factory)
    wrapped.compile(keras.optimizers.Adam(0.02), "mse")
    losses = wrapped.fit(x, x @ target, batch_size=200, epochs=25, verbose=0).history["loss"]
    print(f"training lowers the loss more than 100 times: {losses[-1] < losses[0] / 100}")

    with tempfile.TemporaryDirectory() as folder:
        report = wcodec.encode(wrapped, path := Path(folder) / "layer.wcz")
        done = subprocess.run([sys.executable, __file__, path], capture_output=True, text=True, check=True)
    print(f"kind: {report.rows[0].kind}")
    print(f"more than 50 times smaller: {65536 / report.payload_nbytes > 50}")
    digest = hashlib.sha256(np.asarray(wrapped.finalize().get_weights()[0]).tobytes()).hexdigest()
    print(f"another process decodes the same weights: {done.stdout.strip() == digest}")


if len(sys.argv) == 1:
    main()
else:  # the other process: it has imported this file, so it knows the kind
    print(hashlib.sha256(wcodec.decode(sys.argv[1])["layer/kernel"].tobytes()).hexdigest())
