"""The discrete cosine transform of tubes, and the t-product that it defines.

The t-product of Kernfeld, Kilmer and Aeron (2015, "Tensor-tensor products with invertible linear transforms") is a
matrix product slice by slice after a transform L of the tubes. Its cosine version has L = diag(C[:, 0])^-1 C with the
orthonormal DCT-II matrix C. A matrix that multiplies tubes by a fixed tube is then C^T diag(L a) C.
"""

from __future__ import annotations

import numpy as np

MAX_TUBE = 1024


def dct_matrix(n: int) -> np.ndarray:
    """Orthonormal DCT-II of length n: (n, n) float32, row f is a frequency, `spectrum = matrix @ tube`.

    Row 0 is sqrt(1/n), row f is sqrt(2/n) cos(pi f (2 k + 1) / (2 n)).
    """
    f, k = np.arange(n)[:, None], np.arange(n)
    matrix = np.sqrt(2 / n) * np.cos(np.pi * f * (2 * k + 1) / (2 * n))
    matrix[0] = np.sqrt(1 / n)
    return np.asarray(matrix, np.float32)


def t_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (n, r, p) *_L b (r, m, p) -> (n, m, p), in float64."""
    transform = dct_matrix(a.shape[-1]).astype(np.float64)
    scaled = transform / transform[:, :1]
    product = np.einsum("nrf,rmf->nmf", a @ scaled.T, b @ scaled.T)
    return np.asarray(product @ np.linalg.inv(scaled).T)
