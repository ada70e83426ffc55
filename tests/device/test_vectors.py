"""Every golden file through libwcz on every target: Python's tensors and factors, and the same refusals."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from wcodec.dtypes import dtype_of

VECTORS = Path(__file__).parents[2] / "format_spec" / "vectors"
VALID = sorted((VECTORS / "valid").glob("*.wcz"))
INVALID = json.loads((VECTORS / "invalid" / "errors.json").read_text())


def dumps(command, piece, paths):
    """Path -> its lines, split at spaces."""
    files = [str(path) for path in paths]
    done = subprocess.run([*command, str(piece), *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    blocks = ("\n" + done.stdout).split("\nfile ")[1:]
    assert [block.partition("\n")[0] for block in blocks] == files
    return {path: [line.split(" ") for line in b.splitlines()[1:]] for path, b in zip(paths, blocks, strict=True)}


def array(dtype, shape, digits):
    data = b"" if digits == "-" else bytes.fromhex(digits)
    extents = [int(n) for n in shape.strip("()").split(",") if n]
    little = dtype_of(int(dtype)).newbyteorder("<")
    return np.frombuffer(data, little).reshape(extents).astype(little.newbyteorder("="))


def text(digits):
    return "" if digits == "-" else bytes.fromhex(digits).decode()


@pytest.fixture(scope="module")
def reference(reference_decoder):
    """Path -> (tensors, the factors of each tensor in file order) by the reference decoder."""
    seen = []
    rebuild = reference_decoder.tensors.rebuild

    def record_factors(record):
        seen.append([f.values for f in record.factors])
        return rebuild(record)

    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_decoder.tensors, "rebuild", record_factors)
        for path in VALID:
            seen.clear()
            found[path] = reference_decoder.decode(path.read_bytes())[0], list(seen)
    return found


def assert_tensor(value, wanted, row, where):
    assert (value.dtype, value.shape) == (wanted.dtype, wanted.shape), where
    if "tolerance" in row:
        difference = np.abs(value.astype(np.float64) - wanted.astype(np.float64))
        assert difference.max(initial=0) <= row["tolerance"], where
    else:
        assert value.tobytes() == wanted.tobytes(), where


@pytest.mark.parametrize("piece", [0, 1])
def test_valid_vectors_give_the_same_bits(command, reference, piece):
    for path, lines in dumps(command, piece, VALID).items():
        rows = json.loads(path.with_suffix(".json").read_text())["tensors"]
        tensors, factors = reference[path]
        names = [text(line[1]) for line in lines if line[0] == "tensor"]
        assert sorted(names) == sorted(tensors), path.name
        assert ["end"] in lines, path.name
        for line in lines:
            if line[0] == "tensor":
                name, (dtype, _, shape, digits) = text(line[1]), line[2:]
                value = array(dtype, shape, digits)
                assert_tensor(value, tensors[name], rows[name], (path.name, name))
            elif line[0] == "float32":
                with np.errstate(all="ignore"):
                    wanted = value.astype(np.float32)
                np.testing.assert_array_equal(array(0, shape, line[1]), wanted, f"{path.name} {name}")
        stored = [line for line in lines if line[0] == "factor"]
        if stored:
            assert_factors(stored, [value for values in factors for value in values], path.name)


def assert_factors(lines, wanted, where):
    assert len(lines) == len(wanted), where
    for (_, name, dtype, shape, digits), value in zip(lines, wanted, strict=True):
        found = array(dtype, shape, digits)
        # Integers are int32 in libwcz, and a quantized factor is float32 before a dense tensor's dtype rounds it.
        same = found.tobytes() if found.dtype == value.dtype else found.astype(value.dtype).tobytes()
        assert same == value.tobytes(), (where, name)


def test_metadata_can_be_asked_for(native):
    path = VECTORS / "valid" / "metadata.wcz"
    assert ["metadata", "Apache-2.0"] in dumps(native, 3, [path])[path]


def test_invalid_vectors_are_refused_with_their_number(command):
    paths = {VECTORS / "invalid" / f"{name}.wcz": row["error"] for name, row in INVALID.items()}
    for piece in (0, 3):
        for path, lines in dumps(command, piece, list(paths)).items():
            assert ["error", str(paths[path])] in lines, path.name
            assert not [line for line in lines if line[0] == "end"], path.name


def test_all_memory_is_given_back(native):
    for lines in dumps(native, 5, [*VALID, *(VECTORS / "invalid").glob("*.wcz")]).values():
        assert lines[-1] == ["left", "0"]
