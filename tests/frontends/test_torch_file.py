"""Files of `torch.save`."""

import io
import os
from pathlib import Path

import numpy as np
import pytest

import wcodec
from wcodec.errors import NameMismatchError, UnsupportedTypeError
from wcodec.frontends import FRONTENDS, find_frontend

from .test_torch import state_of

FILE = FRONTENDS["torch_file"]


class Trap:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch trapped",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.pt"


@pytest.mark.parametrize("legacy", [False, True])
def test_every_dtype_bit_for_bit(torch, tensors: dict[str, np.ndarray], path: Path, legacy: bool) -> None:
    if legacy:  # of the time before uint16 and 8-bit floats
        tensors = {
            name: tensors[name] for name in ("float32", "float16", "bfloat16", "int64", "uint8", "bool", "scalar")
        }
    torch.save(state_of(torch, tensors), path, _use_new_zipfile_serialization=not legacy)
    assert find_frontend(path) is FILE
    seen = {t.name: t.value for t in FILE.tensors(path)}
    assert list(seen) == list(tensors)
    for name, value in tensors.items():
        assert (seen[name].dtype, seen[name].shape) == (value.dtype, value.shape)
        assert seen[name].tobytes() == value.tobytes()


def test_a_file_gives_the_bytes_that_its_module_gives(torch, path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    torch.save(net.state_dict(), path)
    data = wcodec.encode(path).data
    assert data == wcodec.encode(net).data
    wcodec.load_into(torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3)), data)
    with pytest.raises(NameMismatchError):
        wcodec.load_into(torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3)), data)


def test_the_state_dict_of_a_checkpoint_is_found(torch, path: Path) -> None:
    net = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.save({"epoch": 3, "model": net.state_dict(), "optimizer": optimizer.state_dict()}, path)
    assert [t.name for t in FILE.tensors(path)] == ["weight", "bias"]
    torch.save({"model": net.state_dict(), "average": net.state_dict()}, path)
    with pytest.raises(UnsupportedTypeError, match=r"model.pt' holds 2 mappings of names to tensors, not one$"):
        wcodec.encode(path)
    torch.save([torch.ones(2)], path)
    with pytest.raises(UnsupportedTypeError, match="holds 0 mappings"):
        wcodec.encode(path)


def test_nothing_but_tensors_is_unpickled(torch, path: Path, monkeypatch) -> None:
    monkeypatch.chdir(path.parent)
    for trap in ({"a": torch.ones(2), "b": Trap()}, torch.nn.Linear(2, 2)):
        torch.save(trap, path)
        with pytest.raises(UnsupportedTypeError, match="could run any code: load it in Python if you trust it"):
            wcodec.encode(path)
    assert [p.name for p in path.parent.iterdir()] == ["model.pt"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit is on its way out
def test_what_torch_cannot_read_is_refused(torch, path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        wcodec.encode(path)
    whole = io.BytesIO()
    torch.save({"a": torch.ones(100)}, whole)
    for data in (b"", b"no file of torch", whole.getvalue()[:300], whole.getvalue()[300:]):
        path.write_bytes(data)
        with pytest.raises(UnsupportedTypeError, match=r"model\.pt'"):
            wcodec.encode(path)
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))
    with pytest.raises(UnsupportedTypeError, match=r"torch cannot read weights from .*model\.pt'"):
        wcodec.encode(path)
