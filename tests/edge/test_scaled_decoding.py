"""Weights multiplied by the coder while it decodes, and weights left as integers: the values of the plain way."""

from dataclasses import replace

import numpy as np
import pytest

import wcodec
from wcodec import errors
from wcodec.chunks.decoder import OpenedChunk, decode_chunk
from wcodec.chunks.encoder import ChunkItem, encode_chunk
from wcodec.chunks.stream_jobs import StreamJob
from wcodec.coders import CODERS, ScalingCoder
from wcodec.container import Limits, TensorChunk
from wcodec.container.manifest import Stream
from wcodec.encoding.profiles import PROFILES
from wcodec.factorizations import Dense, FactoredWeight, LowRank
from wcodec.quantize import MAX_CODE, from_symbols, step_values

FLOAT32 = np.dtype(np.float32)
SHAPE = (48, 40, 3, 3)
STEPS = {
    "one": np.array(300),
    "outermost": np.arange(280, 328).reshape(48, 1, 1, 1),
    "inner": np.arange(280, 320).reshape(1, 40, 1, 1),
    "two axes": np.arange(280, 280 + 48 * 40).reshape(48, 40, 1, 1) // 16,
}


def symbols(shape=SHAPE, scale=3.0):
    return np.rint(np.random.default_rng(5).laplace(0, scale, shape)).astype(np.int32)


def item(array, codes, name="w", scan="as_is", dtype=FLOAT32):
    weight = FactoredWeight(Dense(array.shape), {"weight": from_symbols(array, codes)}, {"weight": codes}, dtype)
    return ChunkItem(name, weight, dtype, scan)


def chunk_of(items, coder="rans", band_elements=1 << 20):
    records, streams = encode_chunk(items, PROFILES[coder]._replace(band_elements=band_elements))
    return TensorChunk(tuple(item.name for item in items), tuple(records), tuple(streams))


def opened(chunk):
    return OpenedChunk(chunk, Limits())


def test_one_coder_scales():
    assert [name for name, coder in CODERS.items() if isinstance(coder, ScalingCoder)] == ["rans"]


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("scan", ["as_is", "out_first"])
def test_scaled_values_are_those_of_one_multiplication(steps, scan):
    array, codes = symbols(), STEPS[steps]
    chunk = chunk_of([item(array, codes, scan=scan)])
    (job,) = opened(chunk).jobs
    scaled = job.decode_scaled()[1].dtype == np.float32
    assert scaled == (steps == "one" or (steps == "outermost" and scan == "as_is"))
    assert job.decode()[1].dtype == np.int32
    decoded = dict(decode_chunk(chunk, Limits()))["w"]
    assert decoded.tobytes() == (array.astype(np.float32) * step_values(codes)).tobytes()


def test_tensors_of_a_group_have_steps_of_their_own():
    arrays = {"a": symbols((30, 40)), "b": symbols((2000,)), "c": symbols((9, 200), 60.0), "d": symbols((4, 4))}
    codes = {
        "a": np.array(250),
        "b": np.arange(2000) // 100 + 200,
        "c": np.arange(9).reshape(9, 1) + 260,
        "d": np.array(1),
    }
    chunk = chunk_of([item(arrays[name], codes[name], name) for name in arrays])
    (job,) = opened(chunk).jobs
    assert [array.dtype.kind for array in job.decode_scaled()] == ["i", "f", "i", "f", "f"]
    for name, decoded in decode_chunk(chunk, Limits()):
        assert decoded.tobytes() == (arrays[name].astype(np.float32) * step_values(codes[name])).tobytes(), name


def test_bands_are_multiplied_when_they_are_together():
    array = symbols()
    chunk = chunk_of([item(array, STEPS["outermost"])], band_elements=6000)
    jobs = opened(chunk).jobs
    assert len(jobs) == 2
    assert [job.decode_scaled()[-1].dtype for job in jobs] == [np.int32] * 2
    decoded = dict(decode_chunk(chunk, Limits()))["w"]
    assert decoded.tobytes() == (array.astype(np.float32) * step_values(STEPS["outermost"])).tobytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_other_dtypes_are_rounded_after_the_multiplication(dtype):
    array = symbols()
    chunk = chunk_of([item(array, np.array(300), dtype=np.dtype(dtype))])
    decoded = dict(decode_chunk(chunk, Limits()))["w"]
    assert decoded.tobytes() == (array.astype(np.float32) * step_values(300)).astype(dtype).tobytes()


def test_a_step_code_out_of_range_names_its_tensor():
    array = symbols((40, 40))
    chunk = chunk_of([item(array, np.array(300), "first"), item(array, np.array(300), "second")])
    codes = [np.array([300, MAX_CODE + 1 - 300], np.int32), array, array]
    hostile = replace(chunk, streams=(Stream(CODERS["rans"].number, CODERS["rans"].encode(codes)),))
    for rebuild in (OpenedChunk.rebuild, OpenedChunk.rebuild_quantized):
        chunk = opened(hostile)
        decode = StreamJob.decode_scaled if rebuild is OpenedChunk.rebuild else StreamJob.decode
        with pytest.raises(errors.StepCodeError, match="tensor 'second'"):
            list(rebuild(chunk, map(decode, chunk.jobs)))


# -- integers beside steps -------------------------------------------------------------------------------------------


def test_decode_quantized_gives_the_narrowest_integers():
    rng = np.random.default_rng(3)
    model = {
        "w": rng.normal(0, 0.05, (64, 40, 3, 3)).astype(np.float32),
        "bias": rng.normal(0, 1, 64).astype(np.float32),
        "index": np.arange(7, dtype=np.uint16),
        "half": rng.normal(0, 1, (20, 30)).astype(np.float16),
        "nothing": np.zeros((0, 3), np.float32),
    }
    for coder in ("small", "fast"):
        data = wcodec.encode(model, coder=coder).data
        plain, quantized = wcodec.decode(data), wcodec.decode_quantized(data)
        assert list(quantized) == list(plain) == list(model)
        assert quantized["index"].tolist() == list(range(7))
        assert {n: q.symbols.dtype.name for n, q in quantized.items() if isinstance(q, wcodec.QuantizedTensor)} == {
            "w": "int16", "bias": "int16", "half": "int16", "nothing": "int8",
        }  # fmt: skip
        for name in ("w", "bias", "half", "nothing"):
            symbols, steps = quantized[name]
            assert symbols.shape == plain[name].shape
            assert steps.dtype == np.float32
            values = (symbols.astype(np.float32) * steps).astype(plain[name].dtype)
            assert values.tobytes() == plain[name].tobytes()
    coarse = wcodec.decode_quantized(wcodec.encode({"w": model["w"]}, bits_per_weight=3.0).data)["w"]
    assert coarse.symbols.dtype == np.int8
    assert coarse.steps.shape == (1, 1, 1, 1)


def test_decode_quantized_rebuilds_factored_tensors():
    weight = np.random.default_rng(1).normal(0, 1, (40, 30)).astype(np.float32)
    data = wcodec.encode({"w": weight}, factorizations={"w": lambda shape: LowRank(shape, rank=4)}).data
    assert wcodec.decode_quantized(data)["w"].tobytes() == wcodec.decode(data)["w"].tobytes()


def test_decode_quantized_refuses_what_decode_refuses():
    data = bytearray(wcodec.encode({"w": np.ones((30, 30), np.float32)}).data)
    data[len(data) // 2] ^= 1
    with pytest.raises(errors.WczError):
        wcodec.decode_quantized(bytes(data))
