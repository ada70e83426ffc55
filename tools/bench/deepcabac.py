"""NNCodec's DeepCABAC alone on integer tensors: one JSON line for each .npz. coders.py runs it in the peer's Python.

Every tensor is a payload of its own. Row skipping is tried on and off and the smaller string counts, each with the
search for the best adaptation rates, so that the peer is seen at its best. Seconds are CPU seconds, the least of three.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

# NNCodec imports torchvision, whose wheel does not load beside the CPU build of torch without these two operators.
OPERATORS = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    OPERATORS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from nncodec.extensions import deepCABAC  # noqa: E402
from nncodec.nnc_core.hdsp.hdsp_tool import HDSP_OPTS_OFF  # noqa: E402

UNARY_FLAGS = 11
FIND_RATES = 1
DEPENDENT_QUANTIZATION, SCAN_ORDER, GENERAL_PROFILE, PARENT_NODE = 0, 0, 1, 0
CODEBOOK = (0, 0)


def encode(tensor: np.ndarray, skip_rows: bool) -> np.ndarray:
    """The string of one int32 tensor of rank >= 2."""
    encoder = deepCABAC.Encoder()
    encoder.initCtxModels(UNARY_FLAGS, FIND_RATES)
    empty_rows = np.array([skip_rows and not row.any() for row in tensor], np.int32)
    encoder.encodeLayer(
        tensor, DEPENDENT_QUANTIZATION, SCAN_ORDER, GENERAL_PROFILE, PARENT_NODE, int(skip_rows), empty_rows,
        *HDSP_OPTS_OFF(), *CODEBOOK,
    )  # fmt: skip
    return encoder.finish()


def decode(string: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The int32 tensor of a string."""
    decoder = deepCABAC.Decoder()
    decoder.setStream(string)
    decoder.initCtxModels(UNARY_FLAGS)
    tensor = np.zeros(shape, np.int32)
    decoder.decodeLayer(
        tensor, DEPENDENT_QUANTIZATION, SCAN_ORDER, GENERAL_PROFILE, PARENT_NODE, *HDSP_OPTS_OFF(), *CODEBOOK
    )
    return tensor


def least_seconds(run, repeats: int = 3):
    """The result of `run` and its least CPU time."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        result = run()
        seconds.append(time.process_time() - start)
    return result, min(seconds)


def measure(path: Path) -> dict:
    """Bytes and million weights a second of one file."""
    with np.load(path) as archive:
        tensors = [np.ascontiguousarray(archive[key], np.int32) for key in archive.files]
    runs = [least_seconds(lambda skip=skip: [encode(t, skip) for t in tensors]) for skip in (True, False)]
    strings = [min(pair, key=len) for pair in zip(runs[0][0], runs[1][0], strict=True)]
    decoded, decode_seconds = least_seconds(
        lambda: [decode(string, t.shape) for string, t in zip(strings, tensors, strict=True)]
    )
    if not all((a == b).all() for a, b in zip(tensors, decoded, strict=True)):
        raise SystemExit(f"{path}: DeepCABAC did not give the integers back")
    weights = sum(t.size for t in tensors)
    return {
        "nbytes": sum(map(len, strings)),
        "encode": weights / runs[0][1] / 1e6,
        "decode": weights / decode_seconds / 1e6,
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(measure(Path(name))), flush=True)
