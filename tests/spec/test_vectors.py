"""Every golden file, read by the package and by the reference decoder: the same tensors, the same refusals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wcodec
from wcodec.coders import CODERS
from wcodec.dtypes import DTYPES, dtype_of
from wcodec.errors import WczError
from wcodec.factorizations import FACTORIZATIONS

VECTORS = Path(__file__).parents[2] / "format_spec" / "vectors"

# An opener of random access stops at another fault first, or does not read what would show it.
OPENED_OTHERWISE = {
    "digest": None,  # it need not check the digest
    "limit_chunk": 3,  # it sees that the file is shorter than the chunk
    "index_size": 3,  # what it finds where the index points
    "index_group": 21,  # there is no name for a group
    "record_two": 21,  # a tensor chunk is one tensor until it is read
}


def expected_of(path):
    return json.loads(path.with_suffix(".json").read_text())


def get_all(data):
    with wcodec.safe_open(data) as file:
        return {name: file.get_tensor(name) for name in file}


def assert_same_tensors(found, expected):
    assert list(found) == list(expected)
    for name, row in expected.items():
        dtype = dtype_of(DTYPES[row["dtype"]])
        wanted = np.frombuffer(bytes.fromhex(row["hex"]), dtype.newbyteorder("<")).reshape(row["shape"])
        assert found[name].dtype == dtype, name
        assert found[name].shape == wanted.shape, name
        if "tolerance" in row:
            difference = np.abs(found[name].astype(np.float64) - wanted.astype(np.float64))
            assert difference.max(initial=0) <= row["tolerance"], name
        else:
            assert found[name].tobytes() == wanted.astype(dtype).tobytes(), name


def test_decode_gives_the_tensors_of_the_vector(valid_vector):
    assert_same_tensors(wcodec.decode(valid_vector), expected_of(valid_vector)["tensors"])


def test_stream_gives_the_tensors_of_the_vector(valid_vector):
    expected = expected_of(valid_vector)["tensors"]
    found = dict(wcodec.stream(valid_vector))
    assert sorted(found) == sorted(expected)
    assert_same_tensors({name: found[name] for name in expected}, expected)


def test_safe_open_gives_all_of_the_vector(valid_vector):
    expected = expected_of(valid_vector)
    with wcodec.safe_open(valid_vector) as file:
        assert_same_tensors({name: file.get_tensor(name) for name in file}, expected["tensors"])
        assert file.metadata() == expected["metadata"]
        assert file.graph() == expected["graph"]
        rows = [(row.name, row.dtype, list(row.shape)) for row in file.tensor_details()]
    assert rows == [(name, row["dtype"], row["shape"]) for name, row in expected["tensors"].items()]


def test_reference_decoder_gives_all_of_the_vector(valid_vector, reference_decoder):
    expected = expected_of(valid_vector)
    tensors, metadata, graph = reference_decoder.decode(valid_vector.read_bytes())
    assert_same_tensors(tensors, expected["tensors"])
    assert (metadata, graph) == (expected["metadata"], expected["graph"])


def test_decode_refuses_with_the_number_of_the_vector(invalid_vector):
    path, number = invalid_vector
    for read in (wcodec.decode, wcodec.verify, lambda data: list(wcodec.stream(data))):
        with pytest.raises(WczError) as caught:
            read(path.read_bytes())
        assert (caught.value.code, str(caught.value)) == (number, str(caught.value))


def test_safe_open_refuses_too(invalid_vector):
    path, number = invalid_vector
    number = OPENED_OTHERWISE.get(path.stem, number)
    if number is None:
        assert len(wcodec.safe_open(path)) == 1
        return
    with pytest.raises(WczError) as caught:
        get_all(path.read_bytes())
    assert (caught.value.code, str(caught.value)) == (number, str(caught.value))


def test_reference_decoder_refuses_with_the_number_of_the_vector(invalid_vector, reference_decoder):
    path, number = invalid_vector
    with pytest.raises(reference_decoder.RefusedError) as caught:
        reference_decoder.decode(path.read_bytes())
    assert caught.value.number == number, str(caught.value)


def test_a_delta_gives_what_it_says_on_its_base(delta_vector):
    expected = expected_of(delta_vector)
    base = VECTORS / "valid" / f"{expected['base']}.wcz"
    if "error" in expected:
        with pytest.raises(WczError) as caught:
            wcodec.decode(delta_vector, base=base)
        assert (caught.value.code, str(caught.value)) == (expected["error"], str(caught.value))
    else:
        assert_same_tensors(wcodec.decode(delta_vector, base=base), expected["tensors"])


def test_a_delta_alone_is_refused(delta_vector, reference_decoder):
    for read in (wcodec.decode, wcodec.safe_open, wcodec.verify):
        with pytest.raises(WczError) as caught:
            read(delta_vector.read_bytes())
        assert caught.value.code == 13
    with pytest.raises(reference_decoder.RefusedError) as refused:
        reference_decoder.decode(delta_vector.read_bytes())
    assert refused.value.number == 13


def test_reference_decoder_reads_deltas(delta_vector, reference_decoder):
    expected = expected_of(delta_vector)
    base = (VECTORS / "valid" / f"{expected['base']}.wcz").read_bytes()
    if "error" in expected:
        with pytest.raises(reference_decoder.RefusedError) as caught:
            reference_decoder.decode(delta_vector.read_bytes(), base=base)
        assert caught.value.number == expected["error"]
    else:
        tensors, _, _ = reference_decoder.decode(delta_vector.read_bytes(), base=base)
        assert_same_tensors(tensors, expected["tensors"])


def test_every_error_that_a_reader_raises_has_a_vector():
    table = json.loads((VECTORS / "invalid" / "errors.json").read_text())
    # GraphError is raised by what runs a graph, not by what reads a file.
    assert {row["error"] for row in table.values()} == {*range(1, 10), 13, *range(20, 27), 40, 41}
    # The reader of a delta and its base raises these too; 16 is of messages.
    assert {expected_of(p).get("error", 0) for p in (VECTORS / "delta").glob("*.wcz")} == {0, 14, 15, 41}
    assert {f"{name}.wcz" for name in table} == {p.name for p in (VECTORS / "invalid").glob("*.wcz")}


@pytest.mark.parametrize("name", CODERS)
def test_every_coder_has_a_vector_that_uses_it(name):
    with wcodec.safe_open(VECTORS / "valid" / f"coder_{name}.wcz") as file:
        assert {coder for row in file.tensor_details() for coder in row.coders} == {name}


@pytest.mark.parametrize("kind", [kind for kind, cls in FACTORIZATIONS.items() if cls.number is not None])
def test_every_kind_is_in_a_vector(kind):
    name = "worked_example" if kind == "dense" else f"kind_{kind}"
    with wcodec.safe_open(VECTORS / "valid" / f"{name}.wcz") as file:
        assert {row.kind for row in file.tensor_details()} == {kind}


def test_vectors_use_every_dtype_form_and_scan(reference_decoder, monkeypatch):
    seen = set()
    original = reference_decoder.records.split_head
    monkeypatch.setattr(
        reference_decoder.records, "split_head", lambda head: seen.add(original(head)) or original(head)
    )
    for path in (VECTORS / "valid").glob("*.wcz"):
        reference_decoder.decode(path.read_bytes())
    assert {dtype for dtype, _, _ in seen} == set(DTYPES.values())
    assert {form for _, form, _ in seen} == {0, 1, 2}
    assert {scan for _, _, scan in seen} == {0, 1, 2, 3}


def test_make_vectors_makes_what_is_there(make_vectors):
    wanted = dict(make_vectors.wanted_files())
    there = {path for path in VECTORS.rglob("*") if path.is_file()}
    assert set(wanted) == there
    differing = [path for path, data in wanted.items() if path.read_bytes() != data]
    # Sums of products may differ in their last bits from one numpy to another; files never do.
    assert [path.name for path in differing if not same_but_for_rounding(path, json.loads(wanted[path]))] == []


def same_but_for_rounding(path: Path, made: Any) -> bool:
    """Whether a JSON file holds what was made, up to the tolerance that it names."""
    return path.suffix == ".json" and _agree(json.loads(path.read_text()), made, 0.0)


def _agree(kept: Any, made: Any, tolerance: float) -> bool:
    if isinstance(kept, dict) and isinstance(made, dict):
        tolerance = kept.get("tolerance", tolerance)
        return list(kept) == list(made) and all(_agree(kept[key], made[key], tolerance) for key in kept)
    if isinstance(kept, list) and isinstance(made, list):
        return len(kept) == len(made) and all(map(_agree, kept, made, [tolerance] * len(kept)))
    if tolerance and isinstance(kept, str) and isinstance(made, str) and len(kept) == len(made) and kept != made:
        return bool(np.allclose(*(np.frombuffer(bytes.fromhex(t), "<f4") for t in (kept, made)), atol=tolerance))
    return kept == made


def test_make_vectors_refuses_to_change_a_vector(make_vectors, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_vectors, "VECTORS", tmp_path)
    monkeypatch.setattr(make_vectors.sys, "argv", ["make_vectors.py"])
    assert make_vectors.main() == 0
    changed = tmp_path / "valid" / "empty.wcz"
    changed.write_bytes(b"other")
    assert make_vectors.main() == 1
    assert changed.read_bytes() == b"other"
    monkeypatch.setattr(make_vectors.sys, "argv", ["make_vectors.py", "--check"])
    (tmp_path / "invalid" / "digest.wcz").unlink()
    assert make_vectors.main() == 1
    assert not (tmp_path / "invalid" / "digest.wcz").exists()
    assert "empty.wcz differs" in capsys.readouterr().err
    monkeypatch.setattr(make_vectors.sys, "argv", ["make_vectors.py", "--replace", "empty"])
    assert make_vectors.main() == 0
    assert changed.read_bytes() == (VECTORS / "valid" / "empty.wcz").read_bytes()
