"""Every reader on damaged and hostile files: what a reader of the format must survive.

    python tools/fuzz/mutate.py [--count 10000] [--seed 0]

Reads each file that `mutations` makes with every reader of the package and with the reference decoder. They may refuse
it with an error of theirs, and where they do not they must agree. Anything else is printed with the number that makes
the file again.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mutations import Mutant, mutant, vectors

import wcodec

SPEC = Path(__file__).parents[2] / "format_spec"
LIMITS = {
    "chunk_nbytes": 1 << 16,
    "manifest_nbytes": 1 << 12,
    "names_nbytes": 1 << 12,
    "chunks": 64,
    "tensors": 256,
    "rank": 16,
    "elements": 1 << 13,
    "total_nbytes": 1 << 17,
}
# 2**13 elements as int32, int64 and float64 in a few copies, manifests of 4 KiB as objects, and the transform matrix
# of rdft, (1024, 1024) float32, in two copies.
MOST_NBYTES = 12 << 20


def load_reference_decoder() -> Any:
    """The package format_spec/reference_decoder, from where it lies."""
    sys.path.insert(0, str(SPEC))
    try:
        return importlib.import_module("reference_decoder")
    finally:
        sys.path.remove(str(SPEC))


def read_all_ways(mutated: Mutant, original: bytes, reference: Any) -> bool:
    """Read one file with every reader; whether it was accepted.

    Raises:
        AssertionError: readers disagree, or damage went unnoticed, or more memory was used than the limits allow.
        Exception: whatever else leaked.
    """
    limits = wcodec.Limits(**LIMITS)
    data = mutated.data
    tracemalloc.reset_peak()
    tensors = _attempt(wcodec.decode, data, limits)
    _, peak = tracemalloc.get_traced_memory()
    assert peak < MOST_NBYTES + len(data), f"decode held {peak} bytes"
    tracemalloc.reset_peak()
    opened = _attempt(_open_all, data, limits)
    _, peak = tracemalloc.get_traced_memory()
    assert peak < MOST_NBYTES + len(data), f"safe_open held {peak} bytes"
    streamed = _attempt(lambda d, limits: dict(wcodec.stream(d, limits=limits)), data, limits)
    verified = _attempt(wcodec.verify, data, limits)
    try:
        referred = reference.decode(data, LIMITS)[0]
    except reference.RefusedError:
        referred = None
    assert (tensors is None) == (streamed is None) == (verified is None), "decode, stream and verify disagree"
    assert (tensors is None) == (referred is None), "decode and the reference decoder disagree on a refusal"
    if tensors is None:
        return False
    assert opened is not None, "decode accepts what safe_open refuses"
    for found in (streamed, opened, referred):
        _assert_same(tensors, found)
    if mutated.checked:
        _assert_same(tensors, wcodec.decode(original))
    return True


def _attempt(read: Callable[..., Any], data: bytes, limits: wcodec.Limits) -> Any:
    try:
        return read(data, limits=limits)
    except wcodec.WczError:
        return None


def _open_all(data: bytes, limits: wcodec.Limits) -> dict[str, np.ndarray]:
    with wcodec.safe_open(data, limits=limits) as file:
        file.tensor_details()
        return {name: file.get_tensor(name) for name in file}


def _assert_same(tensors: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> None:
    assert sorted(tensors) == sorted(others), "names differ"
    for name, tensor in tensors.items():
        other = others[name]
        assert (tensor.dtype, tensor.shape) == (other.dtype, other.shape), f"{name!r} differs in dtype or shape"
        assert tensor.tobytes() == other.tobytes() or _close(tensor, other), f"{name!r} differs in its elements"


def _close(tensor: np.ndarray, other: np.ndarray) -> bool:
    """Equal up to the rounding of sums: about an ulp of float32 of the largest element, or of the dtype if coarser."""
    if tensor.dtype.kind in "iub":
        return False
    a, b = tensor.astype(np.float64), other.astype(np.float64)
    with np.errstate(all="ignore"):
        return bool(np.isclose(a, b, rtol=1e-2, atol=1e-4 * np.abs(a).max(initial=0), equal_nan=True).all())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    files, reference = vectors(), load_reference_decoder()
    tracemalloc.start()
    accepted = leaked = 0
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        name, mutated = mutant(files, seed)
        try:
            accepted += read_all_ways(mutated, files[name], reference)
        except Exception as e:  # noqa: BLE001  # whatever leaks is what this looks for
            leaked += 1
            print(f"seed {seed}, from {name}: {type(e).__name__}: {e}", file=sys.stderr)
    print(
        f"{arguments.count} files: {accepted} accepted, {arguments.count - accepted - leaked} refused, {leaked} leaked"
    )
    return 1 if leaked else 0


if __name__ == "__main__":
    sys.exit(main())
