"""rdft, t_product, t_linear, tent, pool and dct: linear transforms of a latent."""

from __future__ import annotations

import math

import numpy as np

from ..errors import FACTORIZATION, require
from ..records import Record
from .kind import Kind, between, ceil_div

RDFT, TENT, POOL, DCT = 1, 25, 26, 27


def shapes_rdft(r: Record) -> tuple:
    axes = list(r.axes or range(len(r.shape) - 2))
    require(axes == sorted(set(axes)) and all(0 <= a < len(r.shape) for a in axes), FACTORIZATION, "rdft axes")
    require(1 <= len(axes) <= 3, FACTORIZATION, "rdft takes 1 to 3 axes")
    require(all(1 <= r.shape[a] <= 1024 for a in axes), FACTORIZATION, "rdft extents are 1 to 1024")
    r.axes = axes
    return {"latent": r.shape}, {"latent": axes}, set()


def rebuild_rdft(record: Record, latent: np.ndarray) -> np.ndarray:
    for axis in record.axes:
        matrix = rdft_matrix(record.shape[axis])
        latent = np.moveaxis(np.tensordot(matrix.T, latent, axes=(1, axis)), 0, axis)
    return latent


def rdft_matrix(n: int) -> np.ndarray:
    """Row 0 is the mean, rows 2f-1 and 2f are cosine and sine of frequency f, for even n the last row alternates."""
    matrix = np.empty((n, n))
    for row in range(n):
        frequency = (row + 1) // 2
        for k in range(n):
            angle = 2 * math.pi * frequency * k / n
            matrix[row, k] = math.sqrt(2 / n) * (math.cos(angle) if row % 2 else math.sin(angle))
    matrix[0] = math.sqrt(1 / n)
    if n % 2 == 0:
        matrix[n - 1] = [math.sqrt(1 / n) * (-1) ** k for k in range(n)]
    return matrix.astype(np.float32)


def shapes_t_product(r: Record) -> tuple:
    *kernel, m, n = r.shape if len(r.shape) >= 3 else (0, 0, 0)
    require(1 <= math.prod(kernel) <= 1024, FACTORIZATION, "t_product kernel positions")
    between(r.rank, min(m, n), "t_product rank")
    return {"left": (math.prod(kernel), m, r.rank), "right": (math.prod(kernel), r.rank, n)}, {}, set()


def rebuild_t_product(_: Record, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.tensordot(cosine_matrix(left.shape[0]).T, left @ right, axes=(1, 0))


def cosine_matrix(p: int) -> np.ndarray:
    """T of t_product."""
    f, k = np.arange(p)[:, None], np.arange(p)
    matrix = np.sqrt(2 / p) * np.cos(np.pi * f * (2 * k + 1) / (2 * p))
    matrix[0] = np.sqrt(1 / p)
    return matrix.astype(np.float32)


def shapes_t_linear(r: Record) -> tuple:
    between(r.tube, min(r.m, r.n, 1024), "t_linear tube")
    return {"spectrum": (ceil_div(r.m, r.tube), ceil_div(r.n, r.tube), r.tube)}, {}, set()


def rebuild_t_linear(_: Record, spectrum: np.ndarray) -> np.ndarray:
    down, across, tube = spectrum.shape
    t = cosine_matrix(tube)
    blocks = (t.T * spectrum[:, :, None, :]) @ t  # (down, across, s, t)
    return blocks.transpose(0, 2, 1, 3).reshape(down * tube, across * tube)


def shapes_image(r: Record) -> tuple:
    r.pixels = {TENT: 2, POOL: getattr(r, "size", 0), DCT: 1}[r.kind]  # of a coefficient
    require(len(r.shape) == 2, FACTORIZATION, "an image basis is for (inputs, units)")
    require(all(1 <= n <= 1024 for n in (r.height, r.width, r.pixels)), FACTORIZATION, "image extents are 1 to 1024")
    require(r.shape[0] % (r.height * r.width) == 0, FACTORIZATION, "inputs that are not whole images")
    channels = r.shape[0] // (r.height * r.width)
    latent = (ceil_div(r.height, r.pixels), ceil_div(r.width, r.pixels), channels, r.shape[1])
    return {"latent": latent}, {}, set()


def rebuild_image(r: Record, latent: np.ndarray) -> np.ndarray:
    down, across = image_matrix(r, r.height), image_matrix(r, r.width)
    return np.einsum("yi,xj,ijcu->yxcu", down, across, latent, optimize=["einsum_path", (1, 2), (0, 1)])


def image_matrix(r: Record, n: int) -> np.ndarray:
    """Row k is a pixel, column i a coefficient."""
    if r.kind == DCT:
        return cosine_matrix(n).T
    matrix = np.zeros((n, ceil_div(n, r.pixels)), np.float32)
    for i in range(matrix.shape[1]):
        spread = dict.fromkeys(range(i * r.pixels, (i + 1) * r.pixels), 1)
        if r.kind == TENT:
            spread = {2 * i - 1: 1 / 8, 2 * i: 3 / 8, 2 * i + 1: 3 / 8, 2 * i + 2: 1 / 8}
        for pixel, value in spread.items():
            if 0 <= pixel < n:
                matrix[pixel, i] = value
    return matrix


KINDS = {
    RDFT: Kind("axes=()", shapes_rdft, rebuild_rdft),
    18: Kind("rank", shapes_t_product, rebuild_t_product),
    19: Kind("tube row_axes=0", shapes_t_linear, rebuild_t_linear),
    TENT: Kind("height width", shapes_image, rebuild_image),
    POOL: Kind("height width size=2", shapes_image, rebuild_image),
    DCT: Kind("height width", shapes_image, rebuild_image),
}
