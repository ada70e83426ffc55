"""elias_gamma and rice: literal bytes, the bytes of TensorFlow Compression, hostile strings."""

import json

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS, ArraySpec, reference
from wcodec.coders.elias_gamma import run_length_decode, run_length_encode
from wcodec.coders.rice import MAGNITUDE_CODES, RUN_CODES, Parameters, best_parameters
from wcodec.errors import PayloadError, SymbolError

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
    scale = rng.choice([1.0, 3.0, 20.0])
    return np.where(zeros, 0, np.rint(rng.laplace(0, scale, n))).astype(np.int32)


@pytest.mark.parametrize(("values", "run", "magnitude", "non_zero_runs", "code"), LITERALS)
def test_literal_strings(kernel, values, run, magnitude, non_zero_runs, code):
    assert kernel.run_length_encode(int32(values), run, magnitude, non_zero_runs).hex() == code
    out = np.full(len(values), 7, np.int32)
    assert kernel.run_length_decode(bytes.fromhex(code), run, magnitude, non_zero_runs, out) == len(code) // 2
    assert out.tolist() == values


def test_all_run_length_vectors_of_tensorflow_compression(data):
    vectors = [v for v in json.loads((data / "tfc_vectors.json").read_text()) if v["op"].startswith("run_length")]
    names = {"run_length_code": -1, "magnitude_code": -1, "use_run_length_for_non_zeros": False}
    for vector in vectors:
        parameters = [vector.get(name, default) for name, default in names.items()]
        values, code = int32(vector["data"]), bytes.fromhex(vector["code"])
        assert run_length_encode(values, *parameters) == code, vector
        assert run_length_decode(code, values.shape, *parameters).tolist() == values.tolist(), vector
    assert len(vectors) == 160


@pytest.mark.parametrize(
    ("values", "parameters", "clean"),
    [  # TensorFlow Compression garbles unary prefixes of 57 and more that start off a byte boundary; these are clean
        ([0, 0, 0, 0, 0, -100], (0, 0, False), "20" + "00" * 12 + "04"),
        ([-212], (2, 0, True), "09" + "00" * 26 + "04"),
    ],
)
def test_long_rice_prefixes_are_written_clean(kernel, values, parameters, clean):
    assert kernel.run_length_encode(int32(values), *parameters).hex() == clean
    out = np.empty(len(values), np.int32)
    kernel.run_length_decode(bytes.fromhex(clean), *parameters, out)
    assert out.tolist() == values


def test_kernels_agree_on_every_parameter():
    rng = np.random.default_rng(0)
    for run in range(-1, 9):
        for magnitude in range(-1, 9):
            for non_zero_runs in (False, True):
                values = random_symbols(rng, int(rng.integers(0, 60)))
                code = native.run_length_encode(values, run, magnitude, non_zero_runs)
                assert code == reference.run_length_encode(values, run, magnitude, non_zero_runs)
                for kernel in (native, reference):
                    out = np.empty_like(values)
                    assert kernel.run_length_decode(code + b"rest", run, magnitude, non_zero_runs, out) == len(code)
                    assert out.tolist() == values.tolist()


def test_several_arrays_are_strings_one_after_another():
    arrays = [int32([[0, 0, 3], [0, -1, 5]]), np.zeros((0, 4), np.int8), np.array(-1, np.int64), np.zeros(4, bool)]
    payload = CODERS["elias_gamma"].encode(arrays)
    assert payload.hex() == "6e3903" + "05" + "0c"
    decoded = CODERS["elias_gamma"].decode(payload, [ArraySpec(a.shape, a.dtype) for a in arrays])
    assert [(a.tolist(), a.dtype) for a in decoded] == [(a.tolist(), a.dtype) for a in arrays]


def test_rice_payload_is_parameters_and_string():
    arrays = [int32([3, -3, 3, 4]), int32([]), int32([0] * 40)]
    payload = CODERS["rice"].encode(arrays)
    assert payload.hex() == "102bad0d" + "0544"
    decoded = CODERS["rice"].decode(payload, [ArraySpec(a.shape, a.dtype) for a in arrays])
    assert [a.tolist() for a in decoded] == [a.tolist() for a in arrays]


def test_rice_picks_the_shortest_string():
    rng = np.random.default_rng(1)
    for _ in range(30):
        symbols = random_symbols(rng, int(rng.integers(1, 300)))
        every = [Parameters(r, m, z) for r in RUN_CODES for m in MAGNITUDE_CODES for z in (False, True)]
        shortest = min(len(native.run_length_encode(symbols, *p)) for p in every)
        assert len(native.run_length_encode(symbols, *best_parameters(symbols))) == shortest


def test_every_parameter_byte_round_trips():
    assert all(Parameters.from_byte(byte).to_byte() == byte for byte in range(256))


@pytest.mark.parametrize(
    ("code", "count", "rule"),
    [
        ("", 1, "ends before"),
        ("6e39", 10, "ends before"),
        ("6e3963", 9, "more symbols"),  # a run of zeros past the end
        ("06", 1, "more symbols"),
        ("82", 1, "no encoder"),  # padding bits
        ("0300000000ff", 1, "no encoder"),  # 31 zeros in a gamma code
    ],
)
def test_hostile_strings(kernel, code, count, rule):
    with pytest.raises(PayloadError, match=rule):
        kernel.run_length_decode(bytes.fromhex(code), -1, -1, False, np.empty(count, np.int32))


@pytest.mark.parametrize(("code", "count"), [("fffe", 0), ("6e396300", 10)])
def test_strings_fill_their_payload(code, count):
    with pytest.raises(PayloadError, match="follow"):
        run_length_decode(bytes.fromhex(code), (count,))
    for coder in (CODERS["elias_gamma"], CODERS["rice"]):
        with pytest.raises(PayloadError):
            coder.decode(bytes.fromhex(code), [ArraySpec((count,), np.dtype(np.int32))])


def test_no_symbol_is_changed_in_silence(kernel):
    with pytest.raises(SymbolError):
        kernel.run_length_encode(int32([-(2**31)]), -1, -1, False)
    with pytest.raises(SymbolError):
        run_length_encode(np.array([2**31]))
    with pytest.raises(SymbolError):
        CODERS["elias_gamma"].encode([np.array([0.5])])


def test_a_symbol_must_fit_the_declared_dtype():
    payload = CODERS["elias_gamma"].encode([int32([200])])
    with pytest.raises(SymbolError, match="int8"):
        CODERS["elias_gamma"].decode(payload, [ArraySpec((1,), np.dtype(np.int8))])


@pytest.mark.parametrize(("run", "magnitude"), [(-2, 0), (31, 0), (0, -2), (0, 31)])
def test_parameters_outside_their_range(kernel, run, magnitude):
    with pytest.raises(ValueError, match="range"):
        kernel.run_length_encode(int32([1]), run, magnitude, False)
    with pytest.raises(ValueError, match="range"):
        kernel.run_length_decode(b"\xff", run, magnitude, False, int32([1]))
