"""Other codecs on the same arrays, one run a request. coders.py runs this in a Python that has them, and takes turns.

A request is the path of an .npz of int32 tensors, or of an .npy of bytes and the name of their float dtype. The answer
is one JSON line: codec -> [bytes, seconds to encode, seconds to decode], CPU seconds of one thread. Every tensor is a
string of its own, with what its decoder needs. A codec that is not installed is left out.

* DeepCABAC: NNCodec's, without its quantizer: the smaller string with row skipping on or off (the seconds are of one).
* constriction: its range coder under a static model a tensor: the cheaper of a Laplace distribution (location and scale
  as float32) and the tensor's own histogram (two bytes for each symbol in its range).
* zstd -19: on int8, or int16 where a symbol needs it.
* ZipNN: its Huffman codec for floats.
"""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

Result = tuple[int, float, float]


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    start = time.process_time()
    result = work(*arguments)
    return result, time.process_time() - start


def each(tensors: list[np.ndarray], encode: Callable[..., Any], decode: Callable[..., Any], size: Any = len) -> Result:
    """All tensors with one codec; stops where a tensor does not come back."""
    strings, encoding = timed(lambda: [encode(t) for t in tensors])
    decoded, decoding = timed(lambda: [decode(s, t.shape) for s, t in zip(strings, tensors, strict=True)])
    if not all(np.array_equal(a, b) for a, b in zip(tensors, decoded, strict=True)):
        raise SystemExit("a codec did not give the integers back")
    return sum(size(s) for s in strings), encoding, decoding


# -- integers --------------------------------------------------------------------------------------------------------


def deepcabac(tensors: list[np.ndarray]) -> Result:
    import deepcabac as peer

    skipped, encoding, decoding = each(tensors, lambda t: peer.encode(t, skip_rows=True), peer.decode)
    smaller = sum(min(len(peer.encode(t, skip_rows=skip)) for skip in (True, False)) for t in tensors)
    return min(skipped, smaller), encoding, decoding


def laplace(tensor: np.ndarray) -> tuple[Any, int]:
    """Model and the bytes of its parameters."""
    import constriction as peer

    most = max(int(np.abs(tensor).max()), 1)
    scale = float(np.float32(max(np.abs(tensor - np.median(tensor)).mean(), 0.05)))
    return peer.stream.model.QuantizedLaplace(-most, most, float(np.median(tensor)), scale), 12


def histogram(tensor: np.ndarray) -> tuple[Any, int]:
    import constriction as peer

    counts = np.bincount(tensor.ravel() - tensor.min())
    return peer.stream.model.Categorical((counts / counts.sum()).astype(np.float32), perfect=False), 2 * len(counts) + 8


def constriction_encode(tensor: np.ndarray) -> tuple[Any, Any, int, int]:
    """Words, model, what is subtracted, bytes."""
    import constriction as peer

    candidates = [(*laplace(tensor), 0)]
    if int(tensor.max()) - int(tensor.min()) < 4096:
        candidates.append((*histogram(tensor), int(tensor.min())))
    coded = []
    for model, header, low in candidates:
        encoder = peer.stream.queue.RangeEncoder()
        encoder.encode((tensor.ravel() - low).astype(np.int32), model)
        words = encoder.get_compressed()
        coded.append((words, model, low, 4 * len(words) + header))
    return min(coded, key=lambda c: c[3])


def constriction_decode(coded: tuple[Any, Any, int, int], shape: tuple[int, ...]) -> np.ndarray:
    import constriction as peer

    words, model, low, _ = coded
    return (peer.stream.queue.RangeDecoder(words).decode(model, int(np.prod(shape))) + low).reshape(shape)


def constriction(tensors: list[np.ndarray]) -> Result:
    return each(tensors, constriction_encode, constriction_decode, lambda coded: coded[3])


def zstd(tensors: list[np.ndarray]) -> Result:
    import zstandard

    compressor = zstandard.ZstdCompressor(level=19, write_content_size=False)
    decompressor = zstandard.ZstdDecompressor()
    widths = {id(t): np.dtype(np.int8 if np.abs(t).max(initial=0) < 128 else np.int16) for t in tensors}
    if any(np.abs(t).max(initial=0) >= 2**15 for t in tensors):
        raise SystemExit("a symbol beyond int16")

    def decode(string: tuple[bytes, np.dtype], shape: tuple[int, ...]) -> np.ndarray:
        size = int(np.prod(shape)) * string[1].itemsize
        return np.frombuffer(decompressor.decompress(string[0], max_output_size=size), string[1]).reshape(shape)

    def encode(tensor: np.ndarray) -> tuple[bytes, np.dtype]:
        width = widths[id(tensor)]
        return compressor.compress(tensor.astype(width).tobytes()), width

    return each(tensors, encode, decode, lambda string: len(string[0]))


# -- floats ----------------------------------------------------------------------------------------------------------


def zipnn(raw: bytes, dtype: str) -> Result:
    import zipnn as peer

    codec = peer.ZipNN(method="HUFFMAN", bytearray_dtype=dtype, input_format="byte", threads=1)
    payload, encoding = timed(codec.compress, bytearray(raw))  # a copy: ZipNN writes into its input
    size = len(payload)
    decoded, decoding = timed(codec.decompress, bytes(payload))
    if bytes(decoded) != raw:
        raise SystemExit("ZipNN is not exact")
    return size, encoding, decoding


CODERS = {
    "nncodec": ("DeepCABAC", deepcabac),
    "constriction": ("constriction", constriction),
    "zstandard": ("zstd -19", zstd),
}


def answer(request: list[str]) -> dict[str, Result]:
    if len(request) == 2:
        raw = np.load(request[0]).tobytes()
        return {"ZipNN": zipnn(raw, request[1])} if importlib.util.find_spec("zipnn") else {}
    with np.load(request[0]) as archive:
        tensors = [np.ascontiguousarray(archive[key], np.int32) for key in archive.files]
    return {label: run(tensors) for module, (label, run) in CODERS.items() if importlib.util.find_spec(module)}


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
