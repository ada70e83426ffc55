"""tensor_train, tensor_ring, hierarchical_tucker, tucker2 and cp: a weight as a network of small tensors."""

from __future__ import annotations

import math
from itertools import accumulate

import numpy as np

from ..errors import FACTORIZATION, require
from ..records import Record
from .kind import Kind, between, ceil_div


def check_modes(r: Record, ranks: int) -> None:
    """Rows, columns and the number of ranks of a tensor network; leaves there how many elements lie before bond k."""
    require(len(r.rows) == len(r.columns) and 2 <= len(r.rows) <= 16, FACTORIZATION, "digits of rows and columns")
    for digits, extent in ((r.rows, r.m), (r.columns, r.n)):
        fits = min(digits) >= 1 and max(1, extent) <= math.prod(digits) <= 2 * max(1, extent)
        require(fits, FACTORIZATION, "digits that do not make the rows or columns")
    require(len(r.ranks) == ranks, FACTORIZATION, "another number of ranks")
    r.before = [1, *accumulate((a * b for a, b in zip(r.rows, r.columns, strict=True)), lambda x, y: x * y)]
    r.total = r.before[-1]


def shapes_tensor_train(r: Record) -> tuple:
    check_modes(r, len(r.rows) - 1)
    for k, rank in enumerate(r.ranks, 1):
        between(rank, min(r.before[k], r.total // r.before[k]), "tensor_train rank")
    return core_shapes(r, (1, *r.ranks, 1))


def rebuild_tensor_train(_: Record, **cores: np.ndarray) -> np.ndarray:
    part = np.ones((1, 1, 1), np.float32)  # (rows, columns, bond) of the digits so far
    for core in cores.values():
        product = np.einsum("MNa,amnb->MmNnb", part, core)
        part = product.reshape(part.shape[0] * core.shape[1], part.shape[1] * core.shape[2], core.shape[3])
    return part[:, :, 0]


def core_shapes(r: Record, bonds: tuple[int, ...]) -> tuple:
    sizes = zip(bonds, r.rows, r.columns, bonds[1:], strict=False)
    return {f"core{k}": size for k, size in enumerate(sizes, 1)}, {}, set()


def shapes_tensor_ring(r: Record) -> tuple:
    check_modes(r, len(r.rows))
    require(min(r.ranks) >= 1, FACTORIZATION, "tensor_ring rank")
    bonds = range(1, len(r.rows))
    meeting = max(1, sum(r.before[k] ** 2 <= r.total for k in bonds))
    for k in bonds:
        if k <= meeting:
            require(r.ranks[0] * r.ranks[k] * r.before[k] <= 4 * r.total, FACTORIZATION, "tensor_ring rank")
        if k >= meeting:
            require(r.ranks[0] * r.ranks[k] <= 4 * r.before[k], FACTORIZATION, "tensor_ring rank")
    return core_shapes(r, (*r.ranks, r.ranks[0]))


def rebuild_tensor_ring(r: Record, **cores: np.ndarray) -> np.ndarray:
    """The trace, closing index by closing index: each is a tensor train."""
    first, *others = cores.values()
    total = 0
    for closing in range(r.ranks[0]):
        last = others[-1][..., closing : closing + 1]
        ends = {"first": first[closing : closing + 1], **{str(k): c for k, c in enumerate(others[:-1])}, "last": last}
        total = total + rebuild_tensor_train(r, **ends)
    return total


def shapes_hierarchical_tucker(r: Record) -> tuple:
    check_modes(r, 2 * len(r.rows) - 2)
    r.tree = tree_of(len(r.rows))
    ranks, shapes = (1, *r.ranks), {}
    for number, (first, last, left, right) in enumerate(r.tree):
        inside = r.before[last] // r.before[first]
        between(ranks[number], min(inside, r.total // inside), "hierarchical_tucker rank")
        sides = (ranks[left], ranks[right]) if left else (r.rows[first], r.columns[first])
        shapes[f"node{number}"] = (*sides, ranks[number])
    return shapes, {}, set()


def tree_of(modes: int) -> list[tuple[int, int, int, int]]:
    """(first mode, mode after the last, left child, right child) of every node, breadth first; leaves have child 0."""
    spans, nodes = [(0, modes)], []
    for first, last in spans:
        if last - first == 1:
            nodes.append((first, last, 0, 0))
        else:
            middle = first + ceil_div(last - first, 2)
            nodes.append((first, last, len(spans), len(spans) + 1))
            spans += [(first, middle), (middle, last)]
    return nodes


def rebuild_hierarchical_tucker(r: Record, **factors: np.ndarray) -> np.ndarray:
    parts: dict[int, np.ndarray] = {}
    for number in reversed(range(len(r.tree))):
        _, _, left, right = r.tree[number]
        factor = factors[f"node{number}"]
        if left:
            half = np.einsum("MNa,abc->MNbc", parts.pop(left), factor)
            whole = np.einsum("MNbc,mnb->MmNnc", half, parts.pop(right))
            factor = whole.reshape(whole.shape[0] * whole.shape[1], whole.shape[2] * whole.shape[3], -1)
        parts[number] = factor
    return parts[0][:, :, 0]


def shapes_tucker2(r: Record) -> tuple:
    rank = len(r.shape)
    a, b = r.axes if len(r.axes) == 2 else (rank - 2, rank - 1)
    require(rank >= 2 and len(r.axes) in (0, 2) and 0 <= a < b < rank, FACTORIZATION, "tucker2 axes")
    between(r.first_rank, r.shape[a], "tucker2 rank")
    between(r.second_rank, r.shape[b], "tucker2 rank")
    core = list(r.shape)
    core[a], core[b] = r.first_rank, r.second_rank
    r.axes = (a, b)
    return {"core": tuple(core), "first": (r.shape[a], core[a]), "second": (r.shape[b], core[b])}, {}, set()


def rebuild_tucker2(r: Record, core: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    a, b = r.axes
    weight = np.moveaxis(np.tensordot(core, first, axes=(a, 1)), -1, a)
    return np.moveaxis(np.tensordot(weight, second, axes=(b, 1)), -1, b)


def shapes_cp(r: Record) -> tuple:
    require(len(r.shape) >= 2, FACTORIZATION, "cp of a vector")
    between(r.rank, math.prod(r.shape) // max(1, *r.shape), "cp rank")
    return {f"factor{axis}": (extent, r.rank) for axis, extent in enumerate(r.shape, 1)}, {}, set()


def rebuild_cp(r: Record, **factors: np.ndarray) -> np.ndarray:
    total = 0
    for s in range(r.rank):
        term = np.ones((), np.float32)
        for factor in factors.values():
            term = np.multiply.outer(term, factor[:, s])
        total = total + term
    return total


KINDS = {
    6: Kind("rows columns ranks row_axes=0", shapes_tensor_train, rebuild_tensor_train),
    7: Kind("rows columns ranks row_axes=0", shapes_tensor_ring, rebuild_tensor_ring),
    8: Kind("rows columns ranks row_axes=0", shapes_hierarchical_tucker, rebuild_hierarchical_tucker),
    9: Kind("first_rank second_rank axes=()", shapes_tucker2, rebuild_tucker2),
    10: Kind("rank", shapes_cp, rebuild_cp),
}
