"""block_diagonal, input_output and mixed_block: a matrix of blocks."""

from __future__ import annotations

import math

import numpy as np

from ..records import Record
from .kind import Kind, between, ceil_div


def shapes_block_diagonal(r: Record) -> tuple:
    between(r.blocks, min(r.m, r.n), "block_diagonal blocks")
    return {"blocks": (r.blocks, ceil_div(r.m, r.blocks), ceil_div(r.n, r.blocks))}, {}, set()


def rebuild_block_diagonal(_: Record, blocks: np.ndarray) -> np.ndarray:
    count, h, w = blocks.shape
    weight = np.zeros((count * h, count * w), blocks.dtype)
    for k in range(count):
        weight[k * h : (k + 1) * h, k * w : (k + 1) * w] = blocks[k]
    return weight


def shapes_input_output(r: Record) -> tuple:
    for value, most in (
        (r.input_block, r.m), (r.input_width, r.input_block), (r.output_block, r.n), (r.output_width, r.output_block),
    ):  # fmt: skip
        between(value, most, "input_output blocks and widths")
    core = (ceil_div(r.m, r.input_block) * r.input_width, ceil_div(r.n, r.output_block) * r.output_width)
    ends = {"input": (r.input_block, r.input_width), "output": (r.output_width, r.output_block)}
    return {"input": ends["input"], "core": core, "output": ends["output"]}, {}, set()


def rebuild_input_output(r: Record, input: np.ndarray, core: np.ndarray, output: np.ndarray) -> np.ndarray:  # noqa: A002
    inputs, outputs = ceil_div(r.m, r.input_block), ceil_div(r.n, r.output_block)
    rows = [input @ core[p * r.input_width : (p + 1) * r.input_width] for p in range(inputs)]
    whole = np.concatenate(rows) if rows else np.zeros((0, core.shape[1]), np.float32)
    columns = [whole[:, q * r.output_width : (q + 1) * r.output_width] @ output for q in range(outputs)]
    return np.concatenate(columns, axis=1) if columns else whole


def shapes_mixed_block(r: Record) -> tuple:
    between(r.block_rows, r.m, "mixed_block rows")
    between(r.block_columns, r.n, "mixed_block columns")
    places = (ceil_div(r.m, r.block_rows), ceil_div(r.n, r.block_columns))
    between(r.bases, min(math.prod(places), r.block_rows * r.block_columns), "mixed_block bases")
    return {"coefficients": (*places, r.bases), "bases": (r.bases, r.block_rows, r.block_columns)}, {}, set()


def rebuild_mixed_block(r: Record, coefficients: np.ndarray, bases: np.ndarray) -> np.ndarray:
    down, across, _ = coefficients.shape
    blocks = np.tensordot(coefficients, bases, axes=(2, 0))  # (down, across, block_rows, block_columns)
    return blocks.transpose(0, 2, 1, 3).reshape(down * r.block_rows, across * r.block_columns)


KINDS = {
    15: Kind("blocks row_axes=0", shapes_block_diagonal, rebuild_block_diagonal),
    16: Kind(
        "input_block input_width output_block=1 output_width=1 row_axes=0", shapes_input_output, rebuild_input_output
    ),
    17: Kind("bases block_rows block_columns row_axes=0", shapes_mixed_block, rebuild_mixed_block),
}
