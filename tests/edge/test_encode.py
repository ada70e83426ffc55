"""encode: exact bytes, atomic writes, what it refuses, and what a container costs."""

import io

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wcodec
from wcodec import errors
from wcodec.chunks.encoder import Choice, ChunkItem, Profile, encode_chunk
from wcodec.coders import CODERS
from wcodec.dtypes import DTYPES, dtype_of
from wcodec.factorizations import FactoredWeight, KMeans, LowRank, Rdft, Sparse
from wcodec.frontends import FRONTENDS
from wcodec.frontends.protocol import AsItIs, NamedTensor

RANK_1 = {"factorizations": {"*": lambda shape: LowRank(shape, 1)}}
WEIGHTS = {"w": np.array([[0.5, -1.0], [0.0, 2.0]], np.float32), "n": np.arange(3)}


def test_golden_bytes():
    golden = bytes.fromhex(
        "89 57 43 5a 0d 0a 00 01 4e 06 01 77 00 01 6e 00 e8 f9 f7 40 47 25 93 00 93 20 02 02 92 17 03 00 00 00 3f 00 "
        "00 80 bf 00 00 00 00 00 00 00 40 00 00 00 00 01 00 00 00 02 00 00 00 9a b3 df fc 45 00 bf a9 d7 cc"
    )
    assert wcodec.encode(WEIGHTS, coder="raw", lossless=True).data == golden
    assert wcodec.decode(golden)["w"].tolist() == [[0.5, -1.0], [0.0, 2.0]]


def test_equal_input_gives_equal_bytes():
    for options in (
        {},
        {"lossless": True},
        {"bits_per_weight": 100.0},
        {"digest": True, "metadata": {"b": "", "a": ""}},
    ):
        first = wcodec.encode(WEIGHTS, **options).data
        assert wcodec.encode({name: array.copy() for name, array in WEIGHTS.items()}, **options).data == first
        reordered = dict(reversed(options.get("metadata", {}).items()))
        assert wcodec.encode(WEIGHTS, **{**options, "metadata": reordered}).data == first


def test_path_file_object_and_bytes_get_the_same(tmp_path):
    data = wcodec.encode(WEIGHTS, coder="rice").data
    report = wcodec.encode(WEIGHTS, tmp_path / "w.wcz", coder="rice")
    assert (report.data, report.nbytes) == (None, len(data))
    assert (tmp_path / "w.wcz").read_bytes() == data
    file = io.BytesIO()
    wcodec.encode(WEIGHTS, file, coder="rice")
    assert file.getvalue() == data


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 2, 2)])
def test_lossless_keeps_every_bit(name, shape):
    dtype = dtype_of(DTYPES[name])
    size = int(np.prod(shape))
    bits = np.random.default_rng(5).integers(0, 256, size * dtype.itemsize, np.uint8)
    array = (bits & 1 if name == "bool" else bits).view(dtype).reshape(shape)
    for coder in ("small", "raw"):
        found = wcodec.decode(wcodec.encode({"a": array}, coder=coder, lossless=True).data)["a"]
        assert (found.dtype, found.shape, found.tobytes()) == (dtype, shape, array.tobytes())


@pytest.mark.parametrize("dtype", [">f4", ">f2", ">i4", ">f8", ">u8"])
@pytest.mark.parametrize("coder", ["small", "raw", "rice"])
def test_big_endian_and_strided_arrays(dtype, coder):
    array = np.arange(24, dtype=dtype).reshape(4, 6)[::2, ::-1]
    found = wcodec.decode(wcodec.encode({"a": array}, coder=coder, lossless=True).data)["a"]
    assert found.tolist() == array.tolist()
    assert found.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", ml_dtypes.bfloat16])
def test_near_lossless_holds_its_promise(dtype):
    matrix = np.random.default_rng(6).normal(0, 0.03, (60, 50)).astype(dtype)
    vector = np.random.default_rng(7).normal(0, 0.03, 60).astype(dtype)
    found = wcodec.decode(wcodec.encode({"m": matrix, "v": vector}, coder="rice").data)
    error = found["m"].astype(np.float64) - matrix.astype(np.float64)
    noise = np.mean(error**2) / np.mean(np.square(matrix.astype(np.float64)))
    coarse = 2.0**-16 if dtype is ml_dtypes.bfloat16 else 0  # bfloat16's own rounding of what was rounded
    assert noise < 10**-4.69 + coarse
    assert np.abs(error).max() <= np.sqrt(np.mean(np.square(matrix.astype(np.float64)))) * (2.0**-7 + 2.0**-7)
    rounding = np.abs(found["v"].astype(np.float64) - vector.astype(np.float64))
    assert (rounding <= np.abs(vector.astype(np.float64)) / 32).all()


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1e-300, 3e-300]]), np.array([[1e300, -2e300]]), np.array([1e-44, 3e-44], np.float32),
        np.array([65504, 1], np.float16), np.array([[65504, -65504]], np.float16),
        np.array([[3.3e38, 1]], np.float32), np.array([5e-324]), np.array([3.3e38], ml_dtypes.bfloat16),
    ],
)  # fmt: skip
def test_what_no_step_suits_is_kept_bit_for_bit(array):
    found = wcodec.decode(wcodec.encode({"a": array}, coder="raw").data)["a"]
    assert np.isfinite(found.astype(np.float64)).all()
    assert np.allclose(found.astype(np.float64), array.astype(np.float64), rtol=0.01, atol=0)


def test_a_quantized_value_beyond_its_dtype_is_refused():
    weight = FactoredWeight(
        wcodec.factorizations.Dense((1,)), {"weight": np.array([65504], np.float16)}, {"weight": np.array(560)}
    )
    raw = Choice((CODERS["raw"],))
    item = ChunkItem("w", weight, np.dtype(np.float16), "as_is")
    with pytest.raises(errors.SymbolError, match="'w': a quantized value exceeds the range of float16"):
        encode_chunk([item], Profile(raw, raw))


@pytest.mark.parametrize(
    ("tensors", "options", "error", "rule"),
    [
        ({"w": np.array([[1, np.nan]], np.float32)}, {}, errors.NonFiniteError, "tensor 'w': NaN or infinity"),
        ({"w": np.array([np.inf])}, {}, errors.NonFiniteError, "tensor 'w': NaN or infinity"),
        ({"w": np.array([object()])}, {}, errors.UnsupportedTypeError, "tensor 'w'"),
        ({"w": np.array([1j])}, {}, errors.UnsupportedTypeError, "tensor 'w': dtype complex128"),
        ({"w": np.ones(2)}, {"coder": "zip"}, errors.OptionError, "coder 'zip' is not one of"),
        ({"w": np.ones(2)}, {"lossless": True, "bits_per_weight": 3.0}, errors.OptionError, "exclude each other"),
        ({"w": np.ones((2, 2))}, {"bits_per_weight": 0.0}, errors.OptionError, "is not positive"),
        ({"w": np.ones((2, 2))}, {"bits_per_weight": 0.1}, errors.OptionError, "cannot be reached"),
        ({"w": np.ones(2)}, {"metadata": {"a": 1}}, errors.OptionError, "metadata maps strings to strings"),
        ({"w": np.ones(2)}, RANK_1, errors.FactorizationError, "'w': low_rank"),
        ({"w": np.ones((2, 2), int)}, RANK_1, errors.OptionError, "'w'"),
        ({"w\ud800": np.ones(2)}, {}, errors.UnsupportedTypeError, "cannot be written in UTF-8"),
    ],
)  # fmt: skip
def test_refusals_leave_the_path_as_it_was(tmp_path, tensors, options, error, rule):
    path = tmp_path / "out.wcz"
    path.write_bytes(b"before")
    with pytest.raises(error, match=rule):
        wcodec.encode(tensors, path, **{"coder": "rice", **options})
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_in_the_middle_leaves_nothing(tmp_path):
    def progress(done, total, name):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wcodec.encode(WEIGHTS, tmp_path / "out.wcz", coder="raw", progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_the_model_is_not_changed():
    tensors = {"w": np.random.default_rng(8).normal(size=(6, 6)).astype(np.float32), "v": np.ones(3)}
    before = {name: array.copy() for name, array in tensors.items()}
    for array in tensors.values():
        array.flags.writeable = False
    wcodec.encode(tensors, coder="rice", factorizations={"w": lambda shape: LowRank(shape, 2)})
    assert all(np.array_equal(tensors[name], before[name]) for name in before)


@pytest.mark.parametrize(
    ("factory", "tolerance"),
    [
        (lambda shape: Rdft(shape, (0, 1)), 0.03), (lambda shape: LowRank(shape, 12), 0.05),
        (lambda shape: KMeans(shape, 64), 0.2), (lambda shape: Sparse(shape, 144), 0.03),
    ],
)  # fmt: skip
def test_every_kind_goes_the_whole_way(factory, tolerance):
    weight = np.random.default_rng(9).normal(size=(12, 12)).astype(np.float32)
    report = wcodec.encode({"w": weight}, coder="rice", factorizations={"w": factory})
    assert [row.kind for row in report.rows] == [factory((12, 12)).kind]
    assert np.abs(wcodec.decode(report.data)["w"] - weight).max() < tolerance


def test_bits_per_weight_is_reached_from_below():
    weight = {"w": np.random.default_rng(10).laplace(0, 0.05, (64, 64)).astype(np.float32)}
    for target in (1.0, 3.0, 6.0):
        report = wcodec.encode(weight, coder="elias_gamma", bits_per_weight=target)
        assert 0.9 * target < report.bits_per_weight <= target


@given(st.lists(st.tuples(st.text(max_size=12), st.integers(0, 4)), max_size=8, unique_by=lambda t: t[0]))
def test_any_names_and_sizes(pairs):
    tensors = {name: np.full(4096 * size, size, np.uint8) for name, size in pairs}
    data = wcodec.encode(tensors, coder="raw").data
    found = wcodec.decode(data)
    assert list(found) == list(tensors)
    assert all(np.array_equal(found[name], tensors[name]) for name in tensors)
    with wcodec.safe_open(data) as file:
        assert {name: array.tolist() for name, array in file.items()} == {n: a.tolist() for n, a in tensors.items()}


# -- what a container costs ----------------------------------------------------------------------------------------

LENET5 = {
    "conv2d/kernel": (5, 5, 1, 20), "conv2d/bias": (20,), "conv2d_1/kernel": (5, 5, 20, 50), "conv2d_1/bias": (50,),
    "dense/kernel": (800, 500), "dense/bias": (500,), "dense_1/kernel": (500, 10), "dense_1/bias": (10,),
}  # fmt: skip
TUTORIAL = {**LENET5, "dense/kernel": (2450, 500)}


class Latents(AsItIs):
    """Convolution kernels as trained: rdft latents with a step a frequency, the rest with one step."""

    name = "latents"

    def accepts(self, model):
        return isinstance(model, dict) and all(isinstance(value, FactoredWeight) for value in model.values())

    def tensors(self, model):
        for name, value in model.items():
            yield NamedTensor(name, value, "out_first")


def latents(shapes):
    rng = np.random.default_rng(11)
    for name, shape in shapes.items():
        if len(shape) == 4:
            codes = rng.integers(180, 240, (*shape[:2], 1, 1))
            yield (
                name,
                FactoredWeight(Rdft(shape), {"latent": rng.normal(0, 0.05, shape).astype("f4")}, {"latent": codes}),
            )
        else:
            weight = rng.normal(0, 0.05, shape).astype("f4")
            yield (
                name,
                FactoredWeight(wcodec.factorizations.Dense(shape), {"weight": weight}, {"weight": np.array(200)}),
            )


@pytest.mark.skipif(wcodec.backend.NAME == "reference", reason="a million weights take the reference kernel minutes")
@pytest.mark.parametrize("shapes", [LENET5, TUTORIAL], ids=["lenet5", "tutorial"])
@pytest.mark.parametrize("coder", ["elias_gamma", "rice", "small"])
def test_overhead_of_a_lenet(shapes, coder, monkeypatch):
    rng = np.random.default_rng(12)
    arrays = {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes.items()}
    report = wcodec.encode(arrays, coder=coder)
    assert report.overhead_nbytes <= 48 + 10 * len(shapes)
    assert report.overhead_nbytes == report.nbytes - report.payload_nbytes == len(report.data) - report.payload_nbytes
    monkeypatch.setitem(FRONTENDS, "keras", Latents())
    trained = wcodec.encode(dict(latents(shapes)), coder=coder)
    assert trained.overhead_nbytes <= 48 + 10 * len(shapes)
    assert [row.kind for row in trained.rows] == ["rdft", "dense"] * 2 + ["dense"] * 4
    print(f"overhead: {report.overhead_nbytes} bytes plain, {trained.overhead_nbytes} trained")
