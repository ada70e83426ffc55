"""elias_gamma and rice: literal bytes, the bytes of TensorFlow Compression, hostile strings, both kernels."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import ArraySpec, find_coder, reference
from wcodec.coders.elias_gamma import run_length_decode, run_length_encode
from wcodec.coders.rice import MAGNITUDE_CODES, RUN_CODES, Parameters, best_parameters
from wcodec.errors import PayloadError, SymbolError

DATA = Path(os.environ.get("WCODEC_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
VECTORS = DATA / "tfc_vectors.json"
needs_vectors = pytest.mark.skipif(not VECTORS.exists(), reason=f"no TensorFlow Compression vectors at {VECTORS}")
KERNELS = pytest.mark.parametrize("kernel", [native, reference], ids=["native", "reference"])

# data, run code, magnitude code, runs of non-zeros, bytes; worked out by hand from the format's rules
LITERALS = [
    ([0, 0, 3, 0, -1, 5, 0, 0, 0, 0], -1, -1, False, "6e3963"),
    ([3], -1, -1, False, "1b"),
    ([3], -1, 0, False, "13"),
    ([3], 0, 3, True, "2f"),
    ([], -1, -1, False, ""),
    ([0], -1, -1, False, "02"),
    ([2**31 - 1], -1, -1, False, "03000000ffffff7f"),
    ([-(2**31) + 1], -1, -1, False, "01000000ffffff7f"),
]


def int32(values):
    return np.array(values, np.int32)


def random_symbols(rng, n):
    zeros = rng.random(n) < rng.choice([0.0, 0.3, 0.9, 0.99])
    scale = rng.choice([1.0, 3.0, 1000.0, 2.0**30])
    return np.where(zeros, 0, np.clip(rng.laplace(0, scale, n), -(2**31) + 1, 2**31 - 1)).astype(np.int32)


@KERNELS
@pytest.mark.parametrize(("data", "run", "magnitude", "non_zero_runs", "code"), LITERALS)
def test_literal_strings(kernel, data, run, magnitude, non_zero_runs, code):
    assert kernel.run_length_encode(int32(data), run, magnitude, non_zero_runs).hex() == code
    out = np.full(len(data), 7, np.int32)
    assert kernel.run_length_decode(bytes.fromhex(code), run, magnitude, non_zero_runs, out) == len(code) // 2
    assert out.tolist() == data


def hit_by_the_prefix_bug(vector):
    """Whether TensorFlow Compression's writer garbles this string: it does so after unary prefixes of 57 and more."""
    longest = max((abs(value) - 1 for value in vector["data"] if value), default=0)
    magnitude_code = vector.get("magnitude_code", -1)
    return magnitude_code >= 0 and longest >> magnitude_code >= 57


@needs_vectors
def test_all_vectors_of_tensorflow_compression():
    vectors = [v for v in json.loads(VECTORS.read_text()) if v["op"].startswith("run_length")]
    garbled = 0
    for vector in vectors:
        parameters = [vector.get(k, d) for k, d in PARAMETERS]
        data, code = int32(vector["data"]), bytes.fromhex(vector["code"])
        clean = run_length_encode(data, *parameters)
        if clean != code:
            assert hit_by_the_prefix_bug(vector), vector
            garbled += 1
        else:
            assert run_length_decode(code, data.shape, *parameters).tolist() == data.tolist()
        assert run_length_decode(clean, data.shape, *parameters).tolist() == data.tolist()
    assert (len(vectors), garbled) == (160, 0)


PARAMETERS = (("run_length_code", -1), ("magnitude_code", -1), ("use_run_length_for_non_zeros", False))
