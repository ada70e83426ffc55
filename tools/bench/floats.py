"""float_planes on real weights, beside ZipNN where that is installed: per cent of the original, MB/s both ways.

    python tools/bench/floats.py MODEL.safetensors...

All float tensors of a model as one array, in its own dtype and, for float32, rounded to bfloat16 and float16 too. MB/s
are of original bytes, wall clock, one thread, the least of several runs; the two codecs take turns in one process.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from wcodec.coders import CODERS, ArraySpec
from wcodec.frontends import find_frontend

PLANES = CODERS["float_planes"]
ROUNDED = {"float32": (np.float32, ml_dtypes.bfloat16, np.float16), "float16": (np.float16,)}


def seconds(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work(*arguments)
    return result, time.perf_counter() - start


def ours(array: np.ndarray, _raw: bytes) -> tuple[int, float, float]:
    payload, encoding = seconds(PLANES.encode, [array])
    (decoded,), decoding = seconds(PLANES.decode, payload, [ArraySpec(array.shape, array.dtype)])
    if decoded.tobytes() != array.tobytes():
        raise SystemExit("float_planes is not exact")
    return len(payload), encoding, decoding


def zipnn(array: np.ndarray, raw: bytes) -> tuple[int, float, float]:
    import zipnn

    codec = zipnn.ZipNN(method="HUFFMAN", bytearray_dtype=array.dtype.name, input_format="byte", threads=1)
    payload, encoding = seconds(codec.compress, bytearray(raw))  # a copy: ZipNN writes into its input
    size = len(payload)
    decoded, decoding = seconds(codec.decompress, bytes(payload))
    if bytes(decoded) != raw:
        raise SystemExit("ZipNN is not exact")
    return size, encoding, decoding


def codecs() -> dict[str, Callable[[np.ndarray, bytes], tuple[int, float, float]]]:
    try:
        import zipnn as _  # noqa: F401
    except ImportError:
        return {"float_planes": ours}
    return {"float_planes": ours, "ZipNN": zipnn}


def model_arrays(path: str) -> list[np.ndarray]:
    tensors = [t.value for t in find_frontend(path).tensors(path)]
    floats = [t for t in tensors if isinstance(t, np.ndarray) and t.dtype.name in ROUNDED and t.ndim]
    main_dtype = max(floats, key=lambda t: t.size).dtype
    return [np.concatenate([t.ravel() for t in floats]).astype(dtype) for dtype in ROUNDED[main_dtype.name]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    print(f"{'model':<28}{'dtype':<10}{'codec':<14}{'size':>9}{'MB/s enc':>10}{'MB/s dec':>10}")
    for path in options.models:
        for array in model_arrays(path):
            raw = array.tobytes()
            runs = {name: [codec(array, raw) for _ in range(options.runs)] for name, codec in codecs().items()}
            for name, results in runs.items():
                size, encoding, decoding = (min(column) for column in zip(*results, strict=True))
                rates = f"{len(raw) / encoding / 1e6:>10.0f}{len(raw) / decoding / 1e6:>10.0f}"
                print(f"{Path(path).stem:<28}{array.dtype.name:<10}{name:<14}{100 * size / len(raw):>7.2f} %{rates}")


if __name__ == "__main__":
    main()
