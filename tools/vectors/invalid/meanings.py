"""Invalid files, errors 22 to 26: records that are well formed and mean nothing."""

from __future__ import annotations

from vectors import bases
from vectors.build import body
from vectors.invalid.broken import F32, INT32, ONE, Row, factored, manifest, options, record
from wcodec.quantize import MAX_CODE, MIN_CODE

MEANINGS: dict[str, Row] = {
    "kind_unknown": (22, "kind 99", options(kind=99)),
    "kind_negative": (22, "kind -1", options(kind=-1)),
    "kind_named": (22, "a user's own kind that is not registered", options(kind="mine")),
    "kind_named_builtin": (22, "a built-in kind by its name", options(kind="dense")),
    "coder_unknown": (23, "coder 99", manifest(body([99, [F32]]) + bytes(8))),
    "dtype_unknown": (24, "dtype 15", record([15, 2])),
    "params_surplus": (25, "a parameter of dense", options(params=[1])),
    "params_missing": (25, "kmeans without its levels", factored(3, [], [F32, INT32], [ONE], [1], [0, 0])),
    "params_type": (25, "kmeans levels that are a string", factored(3, ["1"], [F32, INT32], [ONE], [1], [0, 0])),
    "kmeans_no_level": (25, "kmeans without levels", factored(3, [0], [F32, INT32], [ONE], [], [])),
    "kmeans_many_levels": (25, "65,537 levels", factored(3, [65537], [F32, INT32], [ONE], [], [])),
    "kmeans_index": (25, "an index beyond the codebook", factored(3, [1], [F32, INT32], [ONE], [1], [0, 1])),
    "kmeans_index_negative": (25, "a negative index", factored(3, [1], [F32, INT32], [ONE], [1], [0, -1])),
    "sparse_count": (25, "more values than weights", factored(4, [3], [INT32, F32], [ONE], [1, 1], [1, 1, 1])),
    "sparse_count_negative": (25, "a negative count", factored(4, [-1], [INT32, F32], [ONE], [1, 1], [1])),
    "sparse_mask": (25, "a mask value of 2", factored(4, [2], [INT32, F32], [ONE], [2, 0], [1, 1])),
    "sparse_mask_sum": (25, "a mask of another count", factored(4, [1], [INT32, F32], [ONE], [1, 1], [1])),
    "low_rank_vector": (25, "low_rank of a vector", factored(2, [1], [F32, F32], [ONE, 0], [1], [1, 2])),
    "low_rank_rank": (
        25,
        "a rank above the smaller side",
        factored(2, [2], [F32, F32], [ONE, 0], [1, 1], [1, 1, 1, 1], shape=(1, 2)),
    ),
    "low_rank_zero": (25, "rank 0", factored(2, [0], [F32, F32], [ONE, 0], [], [], shape=(1, 2))),
    "low_rank_rows": (
        25,
        "row axes that leave no columns",
        factored(2, [1, 2], [F32, F32], [ONE, 0], [1, 1], [1], shape=(1, 2)),
    ),
    "rdft_vector": (25, "rdft of a weight without kernel axes", factored(1, [], None, [ONE], [1, 2])),
    "rdft_axes": (25, "rdft axes that do not ascend", factored(1, [[1, 0]], None, [ONE], [1, 2], shape=(2, 1))),
    "rdft_axis": (25, "an rdft axis beyond the rank", factored(1, [[2]], None, [ONE], [1, 2], shape=(2, 1))),
    "rdft_four_axes": (25, "rdft over four axes", factored(1, [], None, [ONE], [1], shape=(1,) * 6)),
    "rdft_extent": (25, "a kernel extent of 1,025", factored(1, [], None, [ONE], [1], shape=(1025, 1, 1))),
    "rdft_no_extent": (25, "a kernel extent of 0", factored(1, [], None, [], [], shape=(0, 1, 1))),
    **{
        name: (25, rule, factored(kind, params, None, [ONE], [0] * count, shape=shape))
        for name, (rule, kind, params, shape, count) in bases.INVALID.items()
    },
    "step_small": (26, "the step code below the smallest", record([F32, 2], arrays=([MIN_CODE - 1], [1, 2]))),
    "step_large": (26, "the step code above the largest", record([F32, 2], arrays=([MAX_CODE + 1], [1, 2]))),
    "step_empty": (26, "a step code out of range of an empty tensor", record([F32, 0], arrays=([MAX_CODE + 1], []))),
}
