"""Rows of a table by their numbers."""

from __future__ import annotations

import numpy as np

from .protocol import Array, Op, Shape, check_elements


def embedding(x: Array, *, table: Array) -> Array:
    """Row x of `table` (rows, width) for each element of `x`, a whole number held as float32: (..., width)."""
    check_elements(embedded_shape(x.shape, table=table.shape))
    if not ((x >= 0) & (x < table.shape[0]) & (x == np.floor(x))).all():
        raise ValueError(f"an input is none of the {table.shape[0]} rows of the table")
    return table[x.astype(np.int64)]


def embedded_shape(x: Shape, *, table: Shape) -> Shape:
    """(..., width)."""
    if len(table) != 2:
        raise ValueError(f"a table of shape {table} has no rows of one width")
    return (*x, table[1])


EMBEDDING = Op(number=21, run=embedding, tensors=("table",), shape=embedded_shape)
