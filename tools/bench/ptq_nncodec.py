"""NNCodec (ISO/IEC 15938-17) on the arrays of an .npz, for ptq.py; runs in an environment of its own.

    ptq_nncodec.py WEIGHTS.npz FOLDER QP...

One JSON line a file: quantization parameter, with or without dependent quantization, bytes, CPU seconds, and the
.npz of the decoded arrays. Vectors at nonweight_qp -40: smaller than by its default of -75, and no worse.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np
import torch

try:
    import torchvision  # noqa: F401  NNCodec needs it
except RuntimeError:  # its operators do not load beside every CPU build of torch
    OPERATORS = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        OPERATORS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from nncodec import nnc


def peak_mb() -> float:
    """Largest resident size of this process; getrusage would count that of the process which started it."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def main(source: str, folder: str, qps: list[int]) -> None:
    with np.load(source) as archive:
        weights = {name: archive[name] for name in archive.files}
    for qp, dependent in itertools.product(qps, (False, True)):
        start = time.process_time()
        stream = nnc.compress(
            {name: value.copy() for name, value in weights.items()},
            qp=qp, nonweight_qp=-40, use_dq=dependent, param_opt=True, row_skipping=True,
            bitstream_path=None, return_bitstream=True, verbose=False,
        )  # fmt: skip
        encoded = time.process_time()
        decoded = nnc.decompress(bytearray(stream), reconstruct_lsa=False, reconstruct_bnf=False)
        end = time.process_time()
        path = Path(folder) / f"decoded_{qp}_{dependent}.npz"
        np.savez(path, **decoded)
        row = {
            "setting": f"qp {qp}{' dq' if dependent else ''}",
            "nbytes": len(stream),
            "encode_s": encoded - start,
            "decode_s": end - encoded,
            "peak_mb": peak_mb(),
            "decoded": str(path),
        }
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [int(qp) for qp in sys.argv[3:]])
