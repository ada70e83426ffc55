"""Integers to bench coders on: `python tools/bench/integers.py MODEL.safetensors OUT.npz --bits 2.5`.

Each tensor of rank 2 and more with at least 2,000 elements is rounded to multiples of a step of its own, such that the
zero-order entropy of the integers is `--bits`; with `--zeros 60` instead all have one step, such that 60 % are zero.
"""

import argparse
from pathlib import Path

import numpy as np

from wcodec.dtypes import is_float
from wcodec.frontends import find_frontend

LEAST_ELEMENTS = 2000


def entropy(integers: np.ndarray) -> float:
    counts = np.unique(integers, return_counts=True)[1] / integers.size
    return float(-(counts * np.log2(counts)).sum())


def at_entropy(values: np.ndarray, bits: float) -> np.ndarray:
    """Bisection on the step."""
    low, high = 1e-9, 4 * float(np.abs(values).max())
    for _ in range(60):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if entropy(np.rint(values / middle)) > bits else (low, middle)
    return np.rint(values / high).astype(np.int32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bits", type=float, default=2.5)
    parser.add_argument("--zeros", type=float, help="per cent")
    arguments = parser.parse_args()
    tensors = {t.name: t.value for t in find_frontend(str(arguments.model)).tensors(str(arguments.model))}
    chosen = {
        n: v.astype(np.float64)
        for n, v in tensors.items()
        if v.ndim >= 2 and v.size >= LEAST_ELEMENTS and is_float(v.dtype)
    }
    if arguments.zeros is None:
        integers = {name: at_entropy(values, arguments.bits) for name, values in chosen.items()}
    else:
        magnitudes = np.concatenate([np.abs(values).ravel() for values in chosen.values()])
        step = 2 * np.quantile(magnitudes, arguments.zeros / 100)
        integers = {name: np.rint(values / step).astype(np.int32) for name, values in chosen.items()}
    np.savez_compressed(arguments.out, **integers)


if __name__ == "__main__":
    main()
