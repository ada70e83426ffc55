"""A factorization of your own: W = kron(a, b), fitted, quantized, coded and decoded without a change to wcodec.

python examples/own_factorization.py
"""

from dataclasses import dataclass
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


rng = np.random.default_rng(0)
exact = np.kron(rng.normal(size=(8, 8)), rng.normal(size=(16, 16))).astype(np.float32)

report = wcodec.encode({"w": exact}, factorizations={"w": lambda shape: Kronecker(shape, rows=8, columns=8)})
decoded = wcodec.decode(report.data)["w"]
print(f"kind: {report.rows[0].kind}")
print(f"relative error below 1 %: {np.linalg.norm(decoded - exact) < 0.01 * np.linalg.norm(exact)}")
print(f"more than 100 times smaller: {report.ratio > 100}")
