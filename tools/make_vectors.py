"""Write the golden files of the format: format_spec/vectors.

    python tools/make_vectors.py             write what is missing; refuse to change what is there
    python tools/make_vectors.py --check     write nothing; exit 1 where a file is missing or would change
    python tools/make_vectors.py --replace NAME...     replace these: only while the format is a draft

A vector is a promise. One that changes means that the format changed: see format_spec/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from vectors.deltas import DELTAS
from vectors.graphs import GRAPHS, file_of, inputs_of
from vectors.invalid import INVALID
from vectors.messages import MESSAGES
from vectors.valid import VALID

import wcodec
from wcodec.coders import CODERS
from wcodec.runtime import Runner

VECTORS = Path(__file__).parents[1] / "format_spec" / "vectors"
# Sums of products may differ in their last bits, by an ulp of the tensor's dtype; the values are about 100 at most.
TOLERANCES = {"float16": 0.0625}
TOLERANCE = 1e-4
GRAPH_TOLERANCE = 2**-14  # absolute; values are below 32
INEXACT = {
    "rdft", "low_rank", "dictionary", "tensor_train", "tensor_ring", "hierarchical_tucker", "tucker2", "cp",
    "random_projection", "input_output", "mixed_block", "t_product", "t_linear", "tent", "dct", "block", "tfc",
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--replace", nargs="+", default=[], metavar="NAME")
    arguments = parser.parse_args()
    wrong = []
    for path, data in wanted_files():
        if path.exists() and path.read_bytes() == data:
            continue
        if arguments.check or not (path.stem in arguments.replace or _is_new(path, data)):
            wrong.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"wrote {path.relative_to(VECTORS)} ({len(data)} bytes)")
    for path in wrong:
        print(f"{path.relative_to(VECTORS)} {'differs' if path.exists() else 'is missing'}", file=sys.stderr)
    return 1 if wrong else 0


def _is_new(path: Path, data: bytes) -> bool:
    """Whether writing `data` changes no vector; the table of errors may grow."""
    if not path.exists():
        return True
    return path.name == "errors.json" and _grows(json.loads(path.read_bytes()), json.loads(data))


def _grows(old: dict, new: dict) -> bool:
    return all(new.get(name) == row for name, row in old.items())


def wanted_files():
    """(path, bytes) of every file under format_spec/vectors."""
    for name, make in VALID.items():
        if name.startswith("coder_") and name.removeprefix("coder_") not in CODERS:
            continue
        data = make()
        yield VECTORS / "valid" / f"{name}.wcz", data
        yield VECTORS / "valid" / f"{name}.json", _to_json(_expected(make.__doc__, data))
    for name, (base, error, shows, make) in DELTAS.items():
        data = make()
        row = {"shows": shows, "base": base}
        row |= {"error": error} if error else {"tensors": _tensors_on(VALID[base](), data)}
        yield VECTORS / "delta" / f"{name}.wcz", data
        yield VECTORS / "delta" / f"{name}.json", _to_json(row)
    for name, make in GRAPHS.items():
        network = make()
        yield VECTORS / "graph" / f"{name}.wcz", file_of(network)
        yield VECTORS / "graph" / f"{name}.json", _to_json(_run(make.__doc__, network))
    for name, make in MESSAGES.items():
        rows = {"shows": make.__doc__} | {str(number): step for number, step in enumerate(make())}
        yield VECTORS / "messages" / f"{name}.json", _to_json(rows)
    for name, (_, _, make) in INVALID.items():
        yield VECTORS / "invalid" / f"{name}.wcz", make()
    table = {name: {"error": error, "rule": rule} for name, (error, rule, _) in INVALID.items()}
    yield VECTORS / "invalid" / "errors.json", _to_json(table)


def _expected(shows: str, data: bytes) -> dict:
    """What a decoder must find: tensors in model order as [name, dtype, shape, hex of their little-endian bytes]."""
    inexact = _inexact_tensors(data)
    with wcodec.safe_open(data) as file:
        return {
            "shows": shows,
            "metadata": file.metadata(),
            "graph": file.graph(),
            "tensors": {name: _tensor(array, name in inexact) for name, array in file.items()},
        }


def _tensors_on(base: bytes, data: bytes) -> dict:
    return {name: _tensor(array, False) for name, array in wcodec.decode(data, base=base).items()}


def _run(shows: str, network) -> dict:
    """What a runtime must compute: inputs and outputs in order, as [shape, hex of little-endian float32]."""
    inputs = inputs_of(network)
    with Runner(file_of(network)) as runner:
        outputs = runner.predict(inputs if len(inputs) > 1 else inputs[0])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    # Rounded to 16 bits of fraction: sums and exponentials differ in their last bits from machine to machine.
    rounded = [(np.round(y * 65536) / 65536).astype(np.float32) for y in outputs]
    return {"shows": shows, "tolerance": GRAPH_TOLERANCE, "inputs": _arrays(inputs), "outputs": _arrays(rounded)}


def _arrays(arrays) -> list:
    return [[list(a.shape), a.astype("<f4").tobytes().hex()] for a in arrays]


def _inexact_tensors(data: bytes) -> set[str]:
    with wcodec.safe_open(data) as file:
        return {row.name for row in file.tensor_details() if row.kind in INEXACT}


def _tensor(array: np.ndarray, inexact: bool) -> dict:
    little = array.astype(array.dtype.newbyteorder("<")).tobytes()
    row = {"dtype": array.dtype.name, "shape": list(array.shape), "hex": little.hex()}
    return {**row, "tolerance": TOLERANCES.get(array.dtype.name, TOLERANCE)} if inexact else row


def _to_json(value: dict) -> bytes:
    """One line an entry, two levels deep: short to review, small in a diff."""
    lines = [f"{json.dumps(key)}: {_entries(entry)}" for key, entry in value.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _entries(value: object) -> str:
    if not isinstance(value, dict) or not any(isinstance(v, dict) for v in value.values()):
        return json.dumps(value)
    return "{\n" + ",\n".join(f" {json.dumps(key)}: {json.dumps(entry)}" for key, entry in value.items()) + "\n}"


if __name__ == "__main__":
    sys.exit(main())
