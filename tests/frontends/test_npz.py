"""`.npz` archives."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from wcodec.errors import DuplicateNameError, UnsupportedTypeError
from wcodec.frontends import FRONTENDS

NPZ = FRONTENDS["npz"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_dtype_of_numpy_comes_through(tmp_path: Path, tensors: dict[str, np.ndarray], save: object) -> None:
    plain = {name: value for name, value in tensors.items() if value.dtype.kind != "V"}
    plain = {name: value for name, value in plain.items() if not name.startswith(("bfloat", "float8"))}
    plain |= {"swapped": np.arange(3, dtype=">f8"), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    save(tmp_path / "m.npz", **plain)
    seen = {t.name: t.value for t in NPZ.tensors(tmp_path / "m.npz")}
    assert list(seen) == list(plain)
    for name, value in plain.items():
        assert seen[name].dtype == value.dtype.newbyteorder("=")
        assert seen[name].shape == value.shape
        assert seen[name].tobytes() == value.astype(seen[name].dtype).tobytes()


def test_dtypes_that_numpy_forgets_are_refused(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "m.npz", b=tensors["bfloat16"])
    with pytest.raises(UnsupportedTypeError, match=r"^tensor 'b'"):
        list(NPZ.tensors(tmp_path / "m.npz"))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", fine=np.zeros(1), bad=np.array([None]))
    with pytest.raises(UnsupportedTypeError) as refused:
        list(NPZ.tensors(tmp_path / "m.npz"))
    path = str(tmp_path / "m.npz")
    rule = f"cannot be read from {path!r}: it holds objects, and unpickling them could run any code"
    assert str(refused.value) == f"tensor 'bad': {rule}"  # not numpy's advice to allow it


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(2))
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        for _ in range(2):
            archive.write(tmp_path / "a.npy", "a.npy")
    with pytest.raises(DuplicateNameError, match=r"^tensor 'a'"):
        list(NPZ.tensors(tmp_path / "m.npz"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "No data left in file"),
        (b"PK\x03\x04junk", "File is not a zip file"),
        (b"not an archive", "it is no zip archive"),
        (pickle.dumps({"a": 1}), "it is no zip archive"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "m.npz").write_bytes(data)
    with pytest.raises(UnsupportedTypeError, match=rf"m.npz' is not a readable .npz: {why}$"):
        list(NPZ.tensors(tmp_path / "m.npz"))


def test_an_unnamed_array_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "m.npz").open("wb") as file:
        np.save(file, np.zeros(2))
    with pytest.raises(UnsupportedTypeError, match="holds one unnamed array"):
        list(NPZ.tensors(tmp_path / "m.npz"))


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", a=np.arange(100))
    damaged = bytearray((tmp_path / "m.npz").read_bytes())
    damaged[400] ^= 1
    (tmp_path / "m.npz").write_bytes(damaged)
    with pytest.raises(UnsupportedTypeError, match=r"^tensor 'a': cannot be read from .*m.npz': "):
        list(NPZ.tensors(tmp_path / "m.npz"))
