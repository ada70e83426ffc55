"""Dictionary learning: rows of a matrix as sparse combinations of learned atoms.

Each iteration codes all rows by orthogonal matching pursuit (Pati, Rezaiifar and Krishnaprasad, 1993), in the batch
form that needs only inner products with the atoms (Rubinstein, Zibulevsky and Elad, 2008), and then takes the best
dictionary for these codes (method of optimal directions, Engan, Aase and Husoy, 1999). A row keeps its old code where
the pursuit, which is greedy, finds a worse one; hence the error never rises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import OptionError
from .dictionary_starts import STARTS

# Rows are coded in blocks: the largest array of a block has (rows, nonzeros, atoms) entries.
BLOCK_ENTRIES = 1 << 23
# An atom whose part outside of the chosen ones is shorter than this is one of their combinations.
SHORTEST = 1e-6


@dataclass(frozen=True)
class Learned:
    """What `learn` found.

    Attributes:
        codes: (m, atoms) float64, at most `nonzeros` of a row are not 0; a row of zeros has none.
        atoms: (atoms, n) float64, each of unit length, or zero.
        errors: relative Frobenius error after each iteration; never rises.
    """

    codes: np.ndarray
    atoms: np.ndarray
    errors: tuple[float, ...]


def learn(
    matrix: np.ndarray, atoms: int, nonzeros: int, *, iterations: int = 12, start: str = "rows", seed: int = 0
) -> Learned:
    """Learn a dictionary.

    Args:
        matrix: (m, n) finite floats; not changed.
        atoms: of the dictionary, 1 to m.
        nonzeros: most coefficients a row.
        iterations: of coding and dictionary update, at least 1.
        start: what the first dictionary is made from, a name of `dictionary_starts.STARTS`.
        seed: of the random choice of rows.

    Raises:
        OptionError: an unknown start, or no iteration.
    """
    if start not in STARTS:
        raise OptionError(f"start {start!r} is not one of {', '.join(STARTS)}")
    if iterations < 1:
        raise OptionError(f"iterations {iterations} is not positive")
    matrix = np.asarray(matrix, np.float64)
    total = float(np.square(matrix).sum())
    if total == 0:
        return Learned(np.zeros((matrix.shape[0], atoms)), np.zeros((atoms, matrix.shape[1])), (0.0,) * iterations)
    dictionary = STARTS[start](matrix, atoms, nonzeros, np.random.default_rng(seed))
    codes, losses = pursue(matrix, dictionary, nonzeros)
    errors = []
    for _ in range(iterations):
        codes, dictionary = _best_dictionary(matrix, codes, losses)
        losses = _losses(matrix, codes, dictionary)
        found, found_losses = pursue(matrix, dictionary, nonzeros)
        better = found_losses < losses
        codes[better], losses[better] = found[better], found_losses[better]
        errors.append(float(np.sqrt(losses.sum() / total)))
    return Learned(codes, dictionary, tuple(errors))


def pursue(matrix: np.ndarray, dictionary: np.ndarray, nonzeros: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal matching pursuit of every row: codes (m, atoms) and squared errors (m,)."""
    m, atoms = matrix.shape[0], dictionary.shape[0]
    gram = dictionary @ dictionary.T
    codes = np.zeros((m, atoms))
    block = max(1, BLOCK_ENTRIES // (nonzeros * atoms))
    for first in range(0, m, block):
        rows = slice(first, first + block)
        codes[rows] = _pursue_block(matrix[rows] @ dictionary.T, np.square(matrix[rows]).sum(axis=1), gram, nonzeros)
    return codes, _losses(matrix, codes, dictionary)


def _pursue_block(correlations: np.ndarray, energies: np.ndarray, gram: np.ndarray, nonzeros: int) -> np.ndarray:
    """Codes (rows, atoms) from correlations (rows, atoms) of rows and atoms.

    The chosen atoms are made orthonormal one by one (Gram and Schmidt); of these directions only the inner products
    with all atoms are kept: `directions` (rows, nonzeros, atoms). `lower` (rows, nonzeros, nonzeros) says how the
    chosen atoms are made of them.
    """
    rows, atoms = correlations.shape
    every = np.arange(rows)
    residual = correlations.copy()
    directions = np.zeros((rows, nonzeros, atoms))
    lower = np.zeros((rows, nonzeros, nonzeros))
    amounts = np.zeros((rows, nonzeros))  # coefficients of the directions
    chosen = np.zeros((rows, nonzeros), np.intp)
    active = np.ones(rows, bool)
    floor = 1e-12 * np.sqrt(energies)
    for k in range(nonzeros):
        best = np.argmax(np.abs(residual), axis=1)
        shares = directions[every, :k, best]  # (rows, k)
        length = gram[best, best] - np.square(shares).sum(axis=1)
        active &= (np.abs(residual[every, best]) > floor) & (length > SHORTEST**2)
        if not active.any():
            break
        length = np.sqrt(np.where(active, length, 1.0))
        direction = gram[best] - np.matmul(shares[:, None], directions[:, :k])[:, 0]
        direction = np.where(active[:, None], direction / length[:, None], 0.0)
        amount = np.where(active, residual[every, best] / length, 0.0)
        residual -= amount[:, None] * direction
        residual[every, best] = 0.0  # exactly: no atom is chosen twice
        directions[:, k], amounts[:, k], chosen[:, k] = direction, amount, best
        lower[:, k, :k] = shares
        lower[:, k, k] = np.where(active, length, 1.0)
    return _codes(amounts, lower, chosen, atoms)


def _codes(amounts: np.ndarray, lower: np.ndarray, chosen: np.ndarray, atoms: int) -> np.ndarray:
    """Coefficients of the chosen atoms by back substitution: lower^T coefficients = amounts."""
    rows, nonzeros = amounts.shape
    coefficients = np.zeros_like(amounts)
    for k in range(nonzeros - 1, -1, -1):
        later = (lower[:, k + 1 :, k] * coefficients[:, k + 1 :]).sum(axis=1)
        diagonal = np.where(lower[:, k, k] == 0, 1.0, lower[:, k, k])
        coefficients[:, k] = (amounts[:, k] - later) / diagonal
    codes = np.zeros((rows, atoms))
    np.add.at(codes, (np.arange(rows)[:, None], chosen), coefficients)  # a step that chose nothing adds 0 to atom 0
    return codes


def _best_dictionary(matrix: np.ndarray, codes: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares dictionary of given codes, atoms of unit length; unused atoms become the worst coded rows."""
    used = np.flatnonzero(np.any(codes != 0, axis=0))
    dictionary = np.zeros((codes.shape[1], matrix.shape[1]))
    dictionary[used] = _least_squares(codes[:, used], matrix)
    unused = np.setdiff1d(np.arange(codes.shape[1]), used)
    worst = np.argsort(-losses, kind="stable")[: unused.size]
    dictionary[unused[: worst.size]] = matrix[worst]
    lengths = np.linalg.norm(dictionary, axis=1)
    codes = codes * lengths
    return codes, dictionary / np.where(lengths > 0, lengths, 1.0)[:, None]


def _least_squares(codes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """argmin over D of the norm of matrix - codes D; of many solutions the smallest."""
    gram = codes.T @ codes
    try:
        solution = np.linalg.solve(gram, codes.T @ matrix)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(codes, matrix, rcond=None)[0])
    # Codes that depend on each other leave the normal equations without digits.
    if np.linalg.norm(gram @ solution - codes.T @ matrix) > 1e-9 * np.linalg.norm(codes.T @ matrix):
        return np.asarray(np.linalg.lstsq(codes, matrix, rcond=None)[0])
    return np.asarray(solution)


def _losses(matrix: np.ndarray, codes: np.ndarray, dictionary: np.ndarray) -> np.ndarray:
    return np.asarray(np.square(matrix - codes @ dictionary).sum(axis=1))
