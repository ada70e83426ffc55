"""Post-training coding against NNCodec on the same networks and images, in one run.

    make bench-ptq PEERS=/path/to/python        python with nncodec, torch and safetensors (their own environment)

For each network: its files by NNCodec (quantization parameters of `QPS`, each with and without dependent
quantization), then those of wcodec at the listed sizes: calibrated on 512 training images, and with no data. The
divergence KL(float || decoded), agreement and top-1 are those of 1,000 test images; seconds are of one thread's CPU.
One JSON line a result, then a table. Data: ../shared/data or WCODEC_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("WCODEC_DATA", ROOT.parent / "shared" / "data"))
CALIBRATION = 512
QPS = (-16, -18, -20, -22, -24, -28)
NNCODEC = Path(__file__).parent / "ptq_nncodec.py"


@dataclass(frozen=True)
class Case:
    """One network.

    Attributes:
        load: makes the model.
        tensors: reads its weights.
        images: split, first, last -> inputs and labels.
        sizes: of our files with calibration data, bytes.
        data_free_sizes: of our files without.
        data_free: options that say what inputs look like.
    """

    load: Callable[[], Any]
    images: Callable[..., tuple[np.ndarray, np.ndarray]]
    sizes: tuple[int, ...]
    data_free_sizes: tuple[int, ...]
    data_free: Mapping[str, Any]


def cifar(name: str, sizes: tuple[int, ...], data_free_sizes: tuple[int, ...]) -> Case:
    from cifar_resnet import images, load_resnet

    return Case(
        lambda: load_resnet(DATA / "models" / f"{name}.safetensors"),
        lambda *which: images(DATA, *which),
        sizes,
        data_free_sizes,
        {"input_shape": (3, 32, 32), "input_range": (-2.1, 2.6)},
    )


def mlperf_tiny_resnet8(sizes: tuple[int, ...], data_free_sizes: tuple[int, ...]) -> Case:
    def load() -> Any:
        import keras

        return keras.saving.load_model(DATA / "native" / "pretrainedResnet.h5", compile=False)

    def images(split: str, first: int = 0, last: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        with np.load(DATA / "cifar10_25k.npz") as archive:
            x, y = archive[f"x_{split}"][first:last], archive[f"y_{split}"][first:last]
        return x.astype(np.float32), y.astype(np.int64).ravel()

    return Case(load, images, sizes, data_free_sizes, {"input_range": (0.0, 255.0)})


CASES: dict[str, Callable[[], Case]] = {
    "resnet20": lambda: cifar("resnet20", (60_000, 66_000, 72_000, 80_000, 98_000), (80_000, 93_000)),
    "resnet56": lambda: cifar("resnet56", (135_000, 160_000, 200_000), (200_000, 220_000)),
    "resnet8": lambda: mlperf_tiny_resnet8((22_000, 26_000, 32_000, 40_000), (34_000, 40_000)),
}


class Evaluator:
    """Fidelity of decoded tensors to the float model on the test images."""

    def __init__(self, case: Case) -> None:
        from wcodec.frontends import find_frontend
        from wcodec.posttrain.fidelity import Fidelity, log_probabilities
        from wcodec.posttrain.networks import open_network
        from wcodec.posttrain.networks.protocol import Inputs

        x, self.labels = case.images("test")
        self.model = case.load()
        self.network = open_network(self.model)
        self.inputs = Inputs((x,))
        self.tensors = {t.name: t.value for t in find_frontend(self.model).tensors(self.model)}
        self.log_probabilities, self.fidelity = log_probabilities, Fidelity(self.network, self.inputs)

    def __call__(self, tensors: Mapping[str, np.ndarray]) -> dict[str, float]:
        with self.network.loaded({**self.tensors, **tensors}):
            outputs = [self.network.run(self.inputs[i : i + 250]) for i in range(0, len(self.inputs), 250)]
        now, before = self.log_probabilities(np.concatenate(outputs)), self.fidelity.reference
        return {
            "kl": float((np.exp(before) * (before - now)).sum(axis=-1).mean()),
            "agreement": 100 * float((now.argmax(-1) == before.argmax(-1)).mean()),
            "top1": 100 * float((now.argmax(-1) == self.labels).mean()),
        }


def nncodec(name: str, evaluate: Evaluator, peers: str) -> None:
    """Rows of the peer: it codes the tensors in its own environment, the evaluator is the same."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "weights.npz"
        floats = {n: _outputs_first(n, v) for n, v in evaluate.tensors.items() if v.dtype == np.float32 and v.ndim}
        np.savez(source, **{n.replace("/", "|"): v for n, v in floats.items()})
        command = [peers, str(NNCODEC), str(source), folder, *map(str, QPS)]
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


def ours(name: str, case: Case, evaluate: Evaluator) -> None:
    calibration, _ = case.images("train", 0, CALIBRATION)
    for target in case.sizes:
        one(name, "calibrated", evaluate, {"calibration": calibration, "target_bytes": target})
    for target in case.data_free_sizes:
        one(name, "data_free", evaluate, {"data_free": True, "target_bytes": target, **case.data_free})


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="python of an environment with nncodec; left out: wcodec alone")
    parser.add_argument("networks", nargs="*", default=[*CASES], help=f"of {', '.join(CASES)}")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"no real data at {DATA} (set WCODEC_DATA)")
    if len(arguments.networks) > 1:  # a process each: for the peak memory
        peers = ["--peers", arguments.peers] if arguments.peers else []
        for name in arguments.networks:
            subprocess.run([sys.executable, __file__, *peers, name], check=True)
        return
    for name in arguments.networks:
        case = CASES[name]()
        evaluate = Evaluator(case)
        show({"network": name, "codec": "float", **evaluate({})})
        ours(name, case, evaluate)
        if arguments.peers:
            nncodec(name, evaluate, arguments.peers)


if __name__ == "__main__":
    main()
