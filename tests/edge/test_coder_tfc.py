"""elias_gamma against the op that it is to be identical with, where TensorFlow Compression's ops are installed."""

import numpy as np
import pytest

from wcodec.coders.elias_gamma import run_length_decode, run_length_encode

tfc = pytest.importorskip("tensorflow_compression_ops", reason="tensorflow-compression-ops is not installed")


def test_300_random_arrays_against_the_op():
    rng = np.random.default_rng(2)
    for _ in range(300):
        shape = tuple(rng.integers(0, 9, rng.integers(1, 4)))
        scale = 10.0 ** rng.uniform(-1, 9)
        values = np.clip(np.rint(rng.laplace(0, scale, shape)), -(2**31) + 1, 2**31 - 1).astype(np.int32)
        values[rng.random(shape) < rng.random()] = 0
        code = tfc.run_length_encode(
            values, run_length_code=-1, magnitude_code=-1, use_run_length_for_non_zeros=False
        ).numpy()
        assert run_length_encode(values) == code
        assert (run_length_decode(code, shape) == values).all()


def test_the_op_reads_our_clean_rice_strings():
    rng = np.random.default_rng(3)
    for _ in range(100):
        parameters = {
            "run_length_code": int(rng.integers(-1, 4)),
            "magnitude_code": int(rng.integers(-1, 4)),
            "use_run_length_for_non_zeros": bool(rng.integers(2)),
        }
        values = np.rint(rng.laplace(0, 80, rng.integers(1, 50))).astype(np.int32)
        code = run_length_encode(values, *parameters.values())
        read = tfc.run_length_decode(code, shape=values.shape, **parameters).numpy()
        assert (read == values).all()
