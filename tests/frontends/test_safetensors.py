"""`.safetensors` files: literal bytes, the package's own files, and every rule of the header."""

import json
from pathlib import Path

import numpy as np
import pytest

from wcodec.errors import DuplicateNameError, UnsupportedTypeError
from wcodec.frontends import FRONTENDS

SAFETENSORS = FRONTENDS["safetensors"]
NAMES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint64": "U64",
    "uint32": "U32", "uint16": "U16", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


def file_of(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str, shape: list, begin: int, end: int) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def read(tmp_path: Path, data: bytes) -> dict[str, np.ndarray]:
    (tmp_path / "m.safetensors").write_bytes(data)
    return {t.name: t.value for t in SAFETENSORS.tensors(tmp_path / "m.safetensors")}


def test_every_dtype_bit_for_bit(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, data = {"__metadata__": {"format": "np"}}, b""
    for name, value in tensors.items():
        header[name] = entry(NAMES[value.dtype.name], list(value.shape), len(data), len(data) + value.nbytes)
        data += value.tobytes()
    seen = read(tmp_path, file_of(header, data))
    assert list(seen) == list(tensors)
    for name, value in tensors.items():
        assert seen[name].dtype == value.dtype
        assert seen[name].shape == value.shape
        assert seen[name].tobytes() == value.tobytes()


def test_order_is_that_of_the_data(tmp_path: Path) -> None:
    header = {"second": entry("U8", [2], 1, 3), "first": entry("U8", [], 0, 1), "none": entry("F32", [0], 3, 3)}
    seen = read(tmp_path, file_of(header, b"\x07\x08\x09"))
    assert {name: value.tolist() for name, value in seen.items()} == {"first": 7, "second": [8, 9], "none": []}
    assert list(seen) == ["first", "second", "none"]


def test_files_of_the_package_agree(tmp_path: Path) -> None:
    package = pytest.importorskip("safetensors.numpy", reason="needs safetensors")
    rng = np.random.default_rng(0)
    tensors = {f"layer.{i}.weight": rng.normal(size=(i, 3)).astype(t) for i, t in enumerate(["f4", "f8", "f2", "i4"])}
    package.save_file(tensors, tmp_path / "p.safetensors")
    seen = {t.name: t.value for t in SAFETENSORS.tensors(tmp_path / "p.safetensors")}
    assert seen.keys() == tensors.keys()
    assert all(seen[n].dtype == v.dtype and (seen[n] == v).all() for n, v in tensors.items())


ONE = entry("U8", [2], 0, 2)
MALFORMED = [
    (b"", "the header is longer than the file"),
    (b"\x01\x00\x00", "the header is longer than the file"),
    ((2**63).to_bytes(8, "little") + b"{}", "the header is longer than the file"),
    (file_of(b"{", b""), "header is malformed"),
    (file_of(b"\xff\xfe", b""), "header is malformed"),
    (file_of(b"[]", b""), "header is malformed"),
    (file_of(b"[" * 50_000, b""), "header is malformed"),
    (file_of({"a": {"dtype": "U8", "shape": [2]}}, b"12"), "header is malformed"),
    (file_of({"a": {**ONE, "data_offsets": [0]}}, b"12"), "header is malformed"),
    (file_of({"a": {**ONE, "dtype": "C64"}}, b"12"), "tensor 'a': dtype C64 is not one of F64"),
    (file_of({"a": {**ONE, "shape": [-1, -2]}}, b"12"), "tensor 'a': shape and offsets are whole numbers"),
    (file_of({"a": {**ONE, "shape": [2.0]}}, b"12"), "tensor 'a': shape and offsets are whole numbers"),
    (file_of({"a": {**ONE, "shape": [3]}}, b"12"), r"tensor 'a': shape \(3,\) of U8 does not take 2 bytes"),
    (file_of({"a": {**ONE, "shape": [2**40, 2**40]}}, b"12"), "does not take 2 bytes"),
    (file_of({"a": ONE}, b"123"), "the tensors take 2 bytes, the file holds 3"),
    (file_of({"a": ONE}, b"1"), "the tensors take 2 bytes, the file holds 1"),
    (file_of({"a": ONE, "b": ONE}, b"12"), "tensor 'b': the data begin at 0, not at 2"),
    (file_of({"a": entry("U8", [2], 1, 3)}, b"123"), "tensor 'a': the data begin at 1, not at 0"),
]


@pytest.mark.parametrize(("data", "rule"), MALFORMED)
def test_each_rule_of_the_header(tmp_path: Path, data: bytes, rule: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=rule):
        read(tmp_path, data)


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    one = json.dumps(ONE).encode()
    with pytest.raises(DuplicateNameError, match=r"^tensor 'a'"):
        read(tmp_path, file_of(b'{"a":' + one + b',"a":' + one + b"}", b"12"))
