"""What encode, decode and their destinations refuse: the message names the tensor and the rule, and nothing is lost."""

import io
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import wcodec
from wcodec.container import NameEntry, Writer
from wcodec.errors import FactorizationError, LimitError, OptionError, UnsupportedTypeError, WczError
from wcodec.factorizations import LowRank

MATRIX = np.random.default_rng(5).normal(size=(48, 40)).astype(np.float32)
DTYPES = (
    "float32, float16, bfloat16, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bool, "
    "float8_e4m3fn, float8_e5m2"
)

ARRAYS = {
    "objects": (np.array([1, None], object), f"dtype object is not one of {DTYPES}"),
    "strings": (np.array(["a"]), f"dtype <U1 is not one of {DTYPES}"),
    "complex": (np.ones(3, complex), f"dtype complex128 is not one of {DTYPES}"),
    "dates": (np.array(["2020-01-01"], "M8[D]"), f"dtype datetime64[D] is not one of {DTYPES}"),
    "records": (np.zeros(3, [("a", "<f4")]), f"dtype [('a', '<f4')] is not one of {DTYPES}"),
    "int4": (np.ones(3, ml_dtypes.int4), f"dtype int4 is not one of {DTYPES}"),
    "float8_fnuz": (np.ones(3, ml_dtypes.float8_e4m3fnuz), f"dtype float8_e4m3fnuz is not one of {DTYPES}"),
    "ragged": ([[1, 2], [3]], "a list is not an array"),
    "nothing": (None, "a NoneType is not an array"),
    "masked": (np.ma.masked_array(MATRIX, MATRIX > 1), "a masked array has no value under its mask"),
    "nan": (
        np.full((4, 4), np.nan),
        "NaN or infinity cannot be quantized; encode with lossless=True or repair the tensor",
    ),
    "rank": (np.ones((1,) * 17), "dimensions: 17 is over the limit rank=16"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_that_cannot_be_stored(name: str) -> None:
    value, rule = ARRAYS[name]
    with pytest.raises(WczError) as refused:
        wcodec.encode({"fine": MATRIX, name: value})
    assert str(refused.value) == f"tensor {name!r}: {rule}"


def test_unusual_arrays_come_back_bit_for_bit() -> None:
    arrays = {
        "": MATRIX,
        "a\0b": MATRIX.astype(">f4"),
        "n" * 10**6: MATRIX.T,
        "strided": MATRIX[::2, ::-3],
        "fortran": np.asfortranarray(MATRIX),
        "broadcast": np.broadcast_to(np.int64(-7), (5, 4)),
        "empty": np.zeros((3, 0, 2), np.int8),
        "scalar": np.array(2.5, np.float16),
        "int32": np.array([[-(2**31), 2**31 - 1]], np.int32),
        "uint64": np.array([2**64 - 1], ">u8"),
        "float8": MATRIX.astype(ml_dtypes.float8_e5m2),
    }
    decoded = wcodec.load(wcodec.save(arrays))
    assert list(decoded) == list(arrays)
    for name, array in arrays.items():
        native = array.astype(array.dtype.newbyteorder("="))
        assert decoded[name].dtype == native.dtype
        assert decoded[name].shape == array.shape
        assert decoded[name].tobytes() == native.tobytes()


def test_a_factorization_stands_for_its_factory() -> None:
    made = wcodec.encode({"w": MATRIX}, factorizations={"w": LowRank(MATRIX.shape, 3)}).data
    assert made == wcodec.encode({"w": MATRIX}, factorizations={"w": lambda shape: LowRank(shape, 3)}).data


def test_save_is_exact_unless_a_rate_is_asked_for() -> None:
    assert wcodec.load(wcodec.save({"w": MATRIX}))["w"].tobytes() == MATRIX.tobytes()
    assert len(wcodec.save({"w": MATRIX}, bits_per_weight=3)) <= 3 * MATRIX.size / 8
    assert len(wcodec.save({"w": MATRIX}, data_free=True, target_bytes=800)) <= 800


OPTIONS = {
    "coder": ({"coder": ["zip"]}, OptionError,
              "coder ['zip'] is not one of small, fast, auto, mixing, rans, context, elias_gamma, rice, raw"),
    "threads": ({"threads": 0}, OptionError, "band_elements=1048576 and threads=0 are 1 or more"),
    "bands": ({"band_elements": 0}, OptionError, "band_elements=0 and threads=1 are 1 or more"),
    "rate": ({"bits_per_weight": -1}, OptionError, "bits_per_weight=-1 is not positive"),
    "metadata": ({"metadata": ["a"]}, OptionError, "metadata maps strings to strings"),
    "long_metadata": ({"metadata": {"a": "x" * (5 << 20)}}, LimitError,
                      "bytes of metadata: 5242888 is over the limit manifest_nbytes=4194304"),
    "no_factory": ({"factorizations": {"w": "low_rank"}}, OptionError,
                   "tensor 'w': factorizations holds a str for it, not shape -> Factorization"),
    "no_such_tensor": ({"factorizations": {"w": LowRank, "v*": LowRank}}, OptionError,
                       "factorizations: no tensor has a name like 'v*'"),
    "rank": ({"factorizations": {"w": lambda shape: LowRank(shape, 41)}}, FactorizationError,
             "tensor 'w': low_rank rank 41 is not in 1..40 (shape (48, 40))"),
    "misspelt": ({"target_byte": 900, "calibration": MATRIX}, OptionError, "encode has no option 'target_byte'"),
    "factory_of_nothing": ({"factorizations": {"w": lambda shape: None}}, OptionError,
                           "tensor 'w': its entry of factorizations made a NoneType, not a Factorization"),
    "factory_of_a_class": ({"factorizations": {"w": lambda shape: LowRank}}, OptionError,
                           "tensor 'w': its entry of factorizations made a ABCMeta, not a Factorization"),
}  # fmt: skip


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_without_meaning(case: str, tmp_path: Path) -> None:
    options, error, message = OPTIONS[case]
    out = tmp_path / "out.wcz"
    out.write_bytes(b"precious")
    with pytest.raises(error) as refused:
        wcodec.encode({"w": MATRIX}, out, **options)
    assert str(refused.value) == message
    assert [(path, path.read_bytes()) for path in tmp_path.iterdir()] == [(out, b"precious")]


def test_threads_of_a_decoder() -> None:
    with pytest.raises(OptionError, match=r"^threads=0 is not positive$"):
        wcodec.decode(wcodec.save({"w": MATRIX}), threads=0)


def test_names_that_no_reader_would_take() -> None:
    writer = Writer(io.BytesIO())
    writer.add_names([NameEntry("a" * (10 << 20), False)])
    before = writer.nbytes
    with pytest.raises(LimitError, match=r"^bytes of names: 20971520 is over the limit names_nbytes=16777216$"):
        writer.add_names([NameEntry("b" * (10 << 20), False)])
    assert writer.nbytes == before


@pytest.mark.parametrize("scale", [0, 1e-42])
def test_a_rate_of_matrices_that_are_zero_at_every_step(scale: float) -> None:
    """Their coarsest step is the finest of the format."""
    report = wcodec.encode({"w": (MATRIX * np.float32(scale)).astype(np.float32)}, bits_per_weight=1)
    assert report.bits_per_weight < 1
    assert not wcodec.decode(report.data)["w"].any()


def test_threads_do_not_lose_an_option() -> None:
    """A base once went missing with them."""
    base = wcodec.encode({"w": MATRIX}).data
    moved = {"w": MATRIX + np.float32(0.01)}
    alone = wcodec.encode(moved, base=base).data
    assert wcodec.encode(moved, base=base, threads=2).data == alone
    assert alone[8:9] == b"D"  # a delta file


class Unwritable(io.RawIOBase):
    """A file for reading."""

    def write(self, data: bytes) -> int:
        raise AssertionError("nothing is written where it cannot be")


@pytest.mark.parametrize(
    ("dst", "message"),
    [
        (5, "cannot write to a int: give a path or a file"),
        (io.StringIO(), "the destination is not open for writing bytes; open it with mode 'wb'"),
        (Unwritable(), "the destination is not open for writing bytes; open it with mode 'wb'"),
    ],
)
def test_a_destination_that_takes_no_bytes(dst: object, message: str) -> None:
    with pytest.raises(UnsupportedTypeError) as refused:
        wcodec.encode(Unread(), dst)
    assert str(refused.value) == message


def test_a_destination_is_looked_at_before_the_work(tmp_path: Path) -> None:
    for place, error in ((tmp_path, IsADirectoryError), (tmp_path / "no" / "x.wcz", FileNotFoundError)):
        with pytest.raises(error):
            wcodec.encode(Unread(), place)
    with pytest.raises(IsADirectoryError):
        wcodec.encode(Unread(), "")
    assert list(tmp_path.iterdir()) == []


class Unread:
    """A model that nobody looks at: the test fails with another error where somebody does."""
