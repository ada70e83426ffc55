"""A decoder as a device would run it: a process of its own in which no framework can be imported.

    python -P edge_process.py MODEL.wcz DATA.npz      # DATA: x (count, ...) float32, y (count,); prints one JSON object

Run as a file, not as a module: importing its package would come before the import blocker.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

EDGE_SET = {*sys.stdlib_module_names, "numpy", "msgpack", "ml_dtypes", "wcodec"}


class EdgeOnly:
    """An import hook that refuses every top-level module outside the edge set."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """None to let the import through."""
        if name.partition(".")[0] not in EDGE_SET:
            raise ModuleNotFoundError(f"{name} is not in the edge set", name=name)
        return None


def peak_resident_nbytes() -> int:
    """The most memory that this process held so far."""
    status = Path("/proc/self/status")
    if status.exists():  # not ru_maxrss: on Linux that starts with the parent's peak
        return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(model: str, data: str) -> None:
    """Decode `model` tensor by tensor, then run it on the images of `data`."""
    sys.meta_path.insert(0, EdgeOnly())
    import numpy as np

    import wcodec

    start = time.perf_counter()
    weights = sum(array.size for _, array in wcodec.stream(model))
    seconds = time.perf_counter() - start
    peak = peak_resident_nbytes()
    with np.load(data, allow_pickle=False) as arrays, wcodec.runtime.Runner(model) as runner:
        right = int(np.sum(np.argmax(runner.predict(arrays["x"]), axis=1) == arrays["y"]))
    report = {"weights": weights, "decode_seconds": seconds, "peak_nbytes": peak, "right": right}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
