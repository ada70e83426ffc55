"""Matrices in the hierarchical Tucker format (format_spec/factorizations.md, hierarchical_tucker)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .decompositions import stored, truncated_svd
from .protocol import Factors
from .tensorized import TensorizedFactorization, balanced_digits


class Node(NamedTuple):
    """One node of the dimension tree: it holds the modes first to last - 1; children are numbers, 0 for a leaf."""

    first: int
    last: int
    left: int
    right: int


def dimension_tree(modes: int) -> list[Node]:
    """The balanced tree, breadth first: each node halves its modes, and the left half is the larger one."""
    spans = [(0, modes)]
    nodes: list[Node] = []
    for first, last in spans:  # grows as it goes
        if last - first == 1:
            nodes.append(Node(first, last, 0, 0))
            continue
        middle = (first + last + 1) // 2
        nodes.append(Node(first, last, len(spans), len(spans) + 1))
        spans += [(first, middle), (middle, last)]
    return nodes


@dataclass(frozen=True)
class HierarchicalTucker(TensorizedFactorization):
    """The padded weight as the root of a tree of bases: leaves (m_k, n_k, r), inner nodes (r_left, r_right, r).

    Hackbusch and Kuehn (2009); fitted from the leaves to the root by truncated SVDs (Grasedyck, 2010, "Hierarchical
    Singular Value Decomposition of Tensors"), whose error is at most sqrt(2 d - 3) times the best.

    Attributes:
        shape: of the weight, rank >= 2.
        rows: m_1, ..., m_d, the digits of a row; their product is m to 2 m.
        columns: n_1, ..., n_d, the digits of a column; their product is n to 2 n.
        ranks: of the nodes but the root in the order of `dimension_tree`, 2 d - 2 of them.
        row_axes: how many leading axes make the m rows; 0 stands for all but the last axis, the Keras layout.
    """

    kind: ClassVar[str] = "hierarchical_tucker"
    number: ClassVar[int | None] = 8

    rows: tuple[int, ...]
    columns: tuple[int, ...]
    ranks: tuple[int, ...]
    row_axes: int = 0

    def __post_init__(self) -> None:
        self._check_network(2 * len(self.rows) - 2)

    @classmethod
    def with_rank(cls, shape: tuple[int, ...], rank: int, modes: int = 3, row_axes: int = 0) -> HierarchicalTucker:
        """Near-equal extents, and `rank` at every node or what the node allows where that is less."""
        rows, columns = balanced_digits(shape, modes, row_axes)
        thinnest = cls(shape, rows, columns, (1,) * (2 * modes - 2), row_axes)
        ranks = tuple(min(rank, thinnest._largest_rank(number)) for number in range(1, 2 * modes - 1))
        return cls(shape, rows, columns, ranks, row_axes)

    def _elements(self, node: Node) -> int:
        return int(np.prod(self.modes[node.first : node.last], dtype=object))

    def _largest_rank(self, number: int) -> int:
        """A basis has no more vectors than elements within its modes, nor than there are without."""
        nodes = dimension_tree(len(self.rows))
        inside = self._elements(nodes[number])
        return min(inside, self._elements(nodes[0]) // inside)

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        ranks = (1, *self.ranks)
        return {
            f"node{number}": (ranks[node.left], ranks[node.right], ranks[number])
            if node.left
            else (self.rows[node.first], self.columns[node.first], ranks[number])
            for number, node in enumerate(dimension_tree(len(self.rows)))
        }

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        nodes, shapes = dimension_tree(len(self.rows)), self.factor_shapes
        core, axes = self._tensor(weight), {node.first: 0 for node in nodes if not node.left}
        axes = {first: axis for axis, first in enumerate(sorted(axes))}  # first mode of a part -> its axis in the core
        factors: dict[str, np.ndarray] = {}
        for number in range(len(nodes) - 1, -1, -1):  # children before their parents
            node = nodes[number]
            if node.left:
                core, axes = _merge(core, axes, nodes[node.left].first, nodes[node.right].first)
            axis = axes[node.first]
            if number == 0:
                factors["node0"] = core.reshape(shapes["node0"])
                break
            unfolded = np.moveaxis(core, axis, 0).reshape(core.shape[axis], -1)
            basis = truncated_svd(unfolded, self.ranks[number - 1])[0]
            core = np.moveaxis(np.tensordot(core, basis, axes=(axis, 0)), -1, axis)
            factors[f"node{number}"] = basis.reshape(shapes[f"node{number}"])
        return stored(weight, {name: factors[name] for name in shapes})

    def matrix(self, factors: Factors, xp: Any = np) -> Any:
        nodes = dimension_tree(len(self.rows))
        parts: dict[int, Any] = {}
        for number in range(len(nodes) - 1, -1, -1):
            node, factor = nodes[number], factors[f"node{number}"]
            if not node.left:
                parts[number] = factor
                continue
            left, right = parts.pop(node.left), parts.pop(node.right)  # (M, N, r_left), (m, n, r_right)
            # Smaller than the result: r_right is at most the elements of the right part.
            half = xp.einsum("MNa,abc->MNbc", left, factor)
            joined = xp.einsum("MNbc,mnb->MmNnc", half, right)
            (big_m, big_n, _), (m, n, _) = left.shape, right.shape
            parts[number] = xp.reshape(joined, (big_m * m, big_n * n, factor.shape[-1]))
        return self._cut(parts[0][:, :, 0])


def _merge(core: np.ndarray, axes: dict[int, int], left: int, right: int) -> tuple[np.ndarray, dict[int, int]]:
    """Two neighbouring axes of the core as one, and where the parts are now."""
    axis = axes[left]
    shape = (*core.shape[:axis], core.shape[axis] * core.shape[axis + 1], *core.shape[axis + 2 :])
    moved = {first: position - (position > axis) for first, position in axes.items() if first != right}
    return core.reshape(shape), moved
