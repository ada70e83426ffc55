"""The coder `rans` on real integer tensors: bytes and million weights a second, to int32 and to float32.

Each tensor is a payload of its own. "size" and ">= 20k" (weights) are per cent of NNCodec's DeepCABAC on the same
integers, for which `--peers PYTHON` names a Python that has nncodec; "zstd" is per cent of zstd -19 on int8, where
zstandard is installed. Speeds are million weights a second: encoding, the peer's decoder, and our kernel into arrays
that exist, on tensors of 100,000 weights and more. CPU seconds, one thread, the least of several runs.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import wcodec._native as native
from wcodec.coders import CODERS
from wcodec.coders.rans_control import Geometry

HERE = Path(__file__).parent
DATA = Path(os.environ.get("WCODEC_DATA", HERE.parents[1].parent / "shared" / "data"))
RANS = CODERS["rans"]
BULK, LARGE = 20_000, 100_000
STEP = np.float32([0.01])


def least_seconds(run: Callable[[], object], repeats: int = 9) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds)


def into_float32(path: str, payload: bytes, shape: tuple[int, ...], out: np.ndarray) -> None:
    decoder = native.RansDecoder(payload, path)
    decoder.read_scaled(shape, STEP, out)
    decoder.close()


def into_symbols(path: str, payload: bytes, shape: tuple[int, ...], out: np.ndarray) -> None:
    decoder = native.RansDecoder(payload, path)
    decoder.read_symbols(shape, out)
    decoder.close()


WAYS = {
    "f32": ("fastest", into_float32, np.float32),
    "i32": ("fastest", into_symbols, np.int32),
    "i8": ("fastest", into_symbols, np.int8),
    "f32 portable": ("portable", into_float32, np.float32),
}


def decode_speeds(tensors: list[np.ndarray], payloads: list[bytes]) -> list[str]:
    """Million weights a second of each way, over the large tensors."""
    large = [(t, p) for t, p in zip(tensors, payloads, strict=True) if t.size >= LARGE]
    if not large:
        return ["-"] * len(WAYS)
    weights = sum(tensor.size for tensor, _ in large) / 1e6
    speeds = []
    for path, decode, dtype in WAYS.values():
        seconds = 0.0
        for tensor, payload in large:
            shape, out = tuple(Geometry.of(tensor.shape)), np.empty(tensor.size, dtype)
            seconds += least_seconds(lambda: decode(path, payload, shape, out))  # noqa: B023
        speeds.append(f"{weights / seconds:.0f}")
    return speeds


def zstd_bytes(tensors: list[np.ndarray]) -> int | None:
    if importlib.util.find_spec("zstandard") is None:
        return None
    import zstandard

    compressor = zstandard.ZstdCompressor(level=19, write_content_size=False)
    return sum(len(compressor.compress(np.clip(t, -128, 127).astype(np.int8).tobytes())) for t in tensors)


def peer(python: str | None, tensors: list[np.ndarray]) -> dict[str, float]:
    """Bytes and speeds of DeepCABAC."""
    if python is None or not tensors:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tensors.npz"
        np.savez(path, *tensors)
        run = subprocess.run([python, HERE / "deepcabac.py", path], capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stderr)
    return dict(json.loads(run.stdout))


def percent(ours: int, theirs: float | None) -> str:
    return f"{100 * ours / theirs:.2f} %" if theirs else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help=".npz files of integers (default: all of the data folder)")
    parser.add_argument("--peers", metavar="PYTHON", help="a Python with nncodec, to compare with")
    arguments = parser.parse_args()
    paths = arguments.files or sorted((DATA / "ints").glob("*.npz"))
    if not paths:
        sys.exit(f"no .npz files given, and none in {DATA / 'ints'} (WCODEC_DATA)")
    print(f"{'file':<18}{'bytes':>10}{'size':>10}{'>= 20k':>10}{'zstd':>10}{'enc':>8}{'peer dec':>10}", end="")
    print(*(f"{way:>13}" for way in WAYS), sep="")
    totals = [0.0, 0.0]
    for path in paths:
        with np.load(path) as archive:
            tensors = [np.ascontiguousarray(archive[key], np.int32) for key in archive.files]
        bulk = [number for number, tensor in enumerate(tensors) if tensor.size >= BULK]
        payloads = [RANS.encode([tensor]) for tensor in tensors]
        seconds = least_seconds(lambda: [RANS.encode([tensor]) for tensor in tensors], 3)  # noqa: B023
        whole, of_bulk = (peer(arguments.peers, t) for t in (tensors, [tensors[i] for i in bulk]))
        nbytes, bulk_bytes = sum(map(len, payloads)), sum(len(payloads[i]) for i in bulk)
        print(
            f"{path.stem:<18}{nbytes:>10,}{percent(nbytes, whole.get('nbytes')):>10}"
            f"{percent(bulk_bytes, of_bulk.get('nbytes')):>10}{percent(nbytes, zstd_bytes(tensors)):>10}"
            f"{sum(t.size for t in tensors) / seconds / 1e6:>8.1f}{whole.get('decode', 0):>10.1f}",
            *(f"{speed:>13}" for speed in decode_speeds(tensors, payloads)),
            sep="",
            flush=True,
        )
        totals = [totals[0] + bulk_bytes, totals[1] + of_bulk.get("nbytes", 0)]
    print(f"tensors of {BULK:,} weights and more: {percent(int(totals[0]), totals[1])} of DeepCABAC")


if __name__ == "__main__":
    main()
