"""Encoding what is larger than memory: tensors are read when they are coded, one at a time."""

from collections.abc import Iterator, Mapping

import numpy as np
import pytest

import wcodec
from wcodec.frontends import find_frontend


class Made(Mapping):
    """Arrays that exist only while someone holds them; counts how many do."""

    def __init__(self, count: int) -> None:
        self.count, self.asked = count, []

    def __getitem__(self, name: str) -> np.ndarray:
        self.asked.append(name)
        number = int(name.removeprefix("w"))
        return np.random.default_rng(number).normal(size=(100, 100 if number % 3 else 5)).astype("f")

    def __iter__(self) -> Iterator[str]:
        return (f"w{i}" for i in range(self.count))

    def __len__(self) -> int:
        return self.count


def test_a_mapping_is_asked_for_one_array_at_a_time_and_gives_the_file_of_a_dict() -> None:
    made = Made(9)
    streamed = wcodec.encode(made, coder="elias_gamma").data
    assert streamed == wcodec.encode(dict(Made(9)), coder="elias_gamma").data
    # Once for the shapes, once for the bytes: those of the group together, where the first of them stands.
    assert made.asked == [f"w{i}" for i in range(9)] + [f"w{i}" for i in (0, 3, 6, 1, 2, 4, 5, 7, 8)]
    tensors = list(find_frontend(made).tensors(made))
    made.asked.clear()
    assert tensors[1].shape == (100, 100)
    assert not made.asked
    assert np.array_equal(tensors[1].value, made["w1"])


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_files_are_read_tensor_by_tensor(suffix: str, tmp_path) -> None:
    arrays = dict(Made(5))
    path = tmp_path / f"model.{suffix}"
    if suffix == "npz":
        np.savez(path, **arrays)
    else:
        from wcodec.cli.array_files import write_safetensors

        with path.open("wb") as file:
            write_safetensors(arrays.items(), file)
    tensors = list(find_frontend(path).tensors(path))
    assert [t.shape for t in tensors] == [a.shape for a in arrays.values()]
    assert tensors[2].value is not tensors[2].value  # read anew
    assert np.array_equal(tensors[2].value, arrays["w2"])
    assert wcodec.encode(path, coder="elias_gamma").data == wcodec.encode(arrays, coder="elias_gamma").data
