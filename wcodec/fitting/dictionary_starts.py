"""STARTS: what the first dictionary of dictionary learning is made from.

A start is a function (matrix (m, n), atoms, nonzeros, generator) -> dictionary (atoms, n), atoms of unit length.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Start = Callable[[np.ndarray, int, int, np.random.Generator], np.ndarray]


def from_rows(matrix: np.ndarray, atoms: int, _: int, rng: np.random.Generator) -> np.ndarray:
    """Rows drawn without repetition, large ones more often; small random atoms where rows that are not zero are few."""
    energies = np.square(matrix).sum(axis=1)
    count = min(atoms, int(np.count_nonzero(energies)))
    picked = rng.choice(matrix.shape[0], count, replace=False, p=energies / energies.sum())
    return _unit(np.concatenate([matrix[picked], rng.normal(size=(atoms - count, matrix.shape[1]))]))


def from_neighbours(matrix: np.ndarray, atoms: int, nonzeros: int, rng: np.random.Generator) -> np.ndarray:
    """Least squares on codes of ones for the `nonzeros` nearest of the drawn rows, found by a KD-tree."""
    from scipy.spatial import cKDTree  # extra: factor

    samples = from_rows(matrix, atoms, nonzeros, rng)
    near = cKDTree(samples).query(_unit(matrix), k=nonzeros, eps=0.9)[1].reshape(matrix.shape[0], nonzeros)
    return _from_codes(matrix, near, samples)


def from_hashes(matrix: np.ndarray, atoms: int, nonzeros: int, rng: np.random.Generator) -> np.ndarray:
    """Least squares on codes of ones for atoms that locality-sensitive hashes name.

    `nonzeros` words of ceil(1 + log2(atoms)) bits, each the sides of as many random hyperplanes on which the row lies
    (Charikar, 2002); a word modulo `atoms` is the number of an atom.
    """
    bits = 1 + int(np.ceil(np.log2(max(atoms, 2))))
    planes = rng.normal(size=(matrix.shape[1], nonzeros * bits))
    sides = (matrix - matrix.mean(axis=0)) @ planes > 0
    words = sides.reshape(matrix.shape[0], nonzeros, bits) @ (1 << np.arange(bits))
    return _from_codes(matrix, words % atoms, from_rows(matrix, atoms, nonzeros, rng))


def _from_codes(matrix: np.ndarray, chosen: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """The least-squares dictionary of codes of ones; atoms that no row names are those of `otherwise`."""
    codes = np.zeros((matrix.shape[0], otherwise.shape[0]))
    np.put_along_axis(codes, chosen, 1.0, axis=1)
    codes[~matrix.any(axis=1)] = 0.0
    solved = np.linalg.lstsq(codes, matrix, rcond=None)[0]
    empty = np.linalg.norm(solved, axis=1) <= 1e-9 * np.linalg.norm(matrix)
    return _unit(np.where(empty[:, None], otherwise, solved))


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1.0))


STARTS: dict[str, Start] = {"rows": from_rows, "kd_tree": from_neighbours, "lsh": from_hashes}
