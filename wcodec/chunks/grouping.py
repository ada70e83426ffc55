"""Which tensors share a chunk: large ones have their own, small ones ride together (format_spec/wcz.md, section 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

# Tensors below this many elements ride together: framing and the learning of an adaptive coder cost them most.
SMALL_TENSOR = 8192
GROUP_LIMIT = 65536


def chunk_positions(sizes: Sequence[int]) -> Iterator[list[int]]:
    """Positions of the tensors of each chunk, in file order, from the number of elements of each in model order.

    A group comes where the first of its members stands in model order.
    """
    first = {members[0]: members for members in _groups(sizes)}
    for position, size in enumerate(sizes):
        if size >= SMALL_TENSOR:
            yield [position]
        elif position in first:
            yield first[position]


def _groups(sizes: Sequence[int]) -> Iterator[list[int]]:
    members: list[int] = []
    total = 0
    for position, size in enumerate(sizes):
        if size >= SMALL_TENSOR:
            continue
        if members and total + size > GROUP_LIMIT:
            yield members
            members, total = [], 0
        members.append(position)
        total += size
    if members:
        yield members
