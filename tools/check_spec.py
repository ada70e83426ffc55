"""Hold the tables of format_spec/*.md to the code: each number stands in both, and says the same.

python tools/check_spec.py        prints what differs; exit 1 where anything does
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from wcodec import errors, quantize, records
from wcodec.coders import CODERS
from wcodec.container import layout, manifest, names, structure
from wcodec.dtypes import DTYPES, dtype_of
from wcodec.factorizations import (
    FACTORIZATIONS,
    Factorization,
    HierarchicalTucker,
    Rdft,
    SimHash,
    TensorRing,
    TensorTrain,
)
from wcodec.factorizations.cosine import MAX_TUBE
from wcodec.factorizations.generator import LARGEST_SEED, generated_columns
from wcodec.factorizations.tensorized import MAX_MODES
from wcodec.scans import SCANS

SPEC = Path(__file__).parents[1] / "format_spec"
Rows = list[tuple[str, ...]]


def table(page: str, heading: str, position: int = 0) -> Rows:
    """Rows of a table of a section, without its header; `position` counts the tables of the section."""
    text = (SPEC / page).read_text()
    section = re.split(rf"^#+ {re.escape(heading)}\s*$", text, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", section, flags=re.MULTILINE)[0]
    tables = re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE)
    lines = tables[position].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def chunk_types() -> Iterator[tuple[object, object]]:
    known = {"N": layout.NAMES, "T": layout.TENSOR, "G": layout.GROUP, "D": layout.DELTA, "E": layout.END}
    known |= {"m": layout.METADATA, "g": layout.GRAPH}
    wanted = [(t, f"{kind[0]:02X}", "yes" if layout.is_critical(kind) else "no") for t, kind in known.items()]
    rows = table("registry.md", "Chunk types")
    yield [(t, byte, critical) for t, byte, _, critical in rows], wanted
    yield [row[:2] for row in table("wcz.md", "3. Chunks", 1)], [row[:2] for row in rows]


def dtypes() -> Iterator[tuple[object, object]]:
    wanted = [(str(n), name, str(dtype_of(n).itemsize)) for name, n in DTYPES.items()]
    yield [row[:3] for row in table("registry.md", "Dtypes")], wanted


def forms() -> Iterator[tuple[object, object]]:
    wanted = [(str(form.value), form.name.lower()) for form in records.Form]
    yield [row[:2] for row in table("registry.md", "Forms")], wanted


def scans() -> Iterator[tuple[object, object]]:
    wanted = [
        (str(number), name, "; ".join(" ".join(map(str, order(rank))) for rank in range(1, 6)))
        for name, (number, order) in SCANS.items()
    ]
    yield table("registry.md", "Scans"), wanted


def options() -> Iterator[tuple[object, object]]:
    named = ("kind", "params", "factor heads", "step axes", "streams", "bands")
    keys = (records.KIND, records.PARAMS, records.FACTOR_HEADS, records.STEP_AXES, records.STREAMS, records.BANDS)
    wanted = [(str(key), name) for key, name in zip(keys, named, strict=True)]
    yield table("registry.md", "Record options"), wanted
    yield [row[:2] for row in table("wcz.md", "5.2 Records", 1)], wanted


def kinds() -> Iterator[tuple[object, object]]:
    wanted = [
        (str(cls.number), kind, _factors(cls), ", ".join(_parameter(f) for f in dataclasses.fields(cls)[1:]))
        for kind, cls in FACTORIZATIONS.items()
    ]
    yield table("registry.md", "Kinds"), wanted
    headings = re.findall(r"^## (\w+)$", (SPEC / "factorizations.md").read_text(), re.MULTILINE)
    yield headings, list(FACTORIZATIONS)
    for kind, cls in FACTORIZATIONS.items():
        section = _section("factorizations.md", kind)
        yield re.findall(r"^\| kind \| (\d+) \|$", section, re.MULTILINE), [str(cls.number)]


def coders() -> Iterator[tuple[object, object]]:
    by_number = sorted(CODERS.values(), key=lambda coder: coder.number)
    rows = table("registry.md", "Coders")
    yield [row[:2] for row in rows], [(str(coder.number), coder.name) for coder in by_number]
    for (_, name, carries), coder in zip(rows, by_number, strict=True):
        yield (name, _dtypes_named(carries)), (name, [d for d, n in DTYPES.items() if coder.accepts(dtype_of(n))])
    headings = set(re.findall(r"^## .*?(\w+)$", (SPEC / "coders.md").read_text(), re.MULTILINE))
    yield set(CODERS) - headings, set()


def error_numbers() -> Iterator[tuple[object, object]]:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.WczError)]
    wanted = [(str(c.code), c.__name__) for c in classes if c is not errors.WczError]
    yield [row[:2] for row in table("registry.md", "Errors")], wanted


def container() -> Iterator[tuple[object, object]]:
    preamble = table("wcz.md", "2. File")[-1][1:]
    yield bytes.fromhex("".join(preamble)), layout.PREAMBLE
    version = f"draft {layout.MAJOR}.{layout.MINOR}"
    for page in ("README.md", "wcz.md", "reference_decoder/__init__.py"):
        yield version in (SPEC / page).read_text().replace("Draft", "draft"), True
    yield table("wcz.md", "8. Limits"), [(f.name, _power(f.default), w[2]) for f, w in _limits()]
    rows = [(cells[i], cells[i + 1].strip("`")) for i in (0, 2) for cells in table("wcz.md", "4. Names", 1)]
    wanted = [*names.ENDINGS, *names.PIECES]
    numbers = [*range(0x01, 0x10), *range(0x10, 0x1F)]
    yield rows, [(f"{n:02X}", text.decode()) for n, text in zip(numbers, wanted, strict=True)]
    text = (SPEC / "wcz.md").read_text()
    for phrase in (
        f"more than {structure.MAX_DEPTH} deep",
        f"2 to {manifest.STREAMS_PER_CHUNK} streams",
        f"more than {2 * manifest.STREAMS_PER_CHUNK - 1} entries",
        f"array of 1 to {records.MAX_FACTORS} heads",
        f"array of at most {records.MAX_PARAMS} integers",
        f"Bits at {records.MAX_AXES} and",
        f"where there are {layout.INDEX_FROM_CHUNKS} chunks with tensors or more",
        f"files of {layout.DIGEST_FROM_BYTES >> 20} MiB and more",
        f"1 to {layout.MAX_LENGTH_BYTES} | LEB128",
    ):
        yield (phrase, phrase in " ".join(text.split())), (phrase, True)


def example() -> Iterator[tuple[object, object]]:
    rows = table("wcz.md", "10. Example")
    data = bytes.fromhex("".join(row[1] for row in rows))
    yield data, (SPEC / "vectors" / "valid" / "worked_example.wcz").read_bytes()
    sizes = [len(bytes.fromhex(row[1])) for row in rows]
    yield [int(row[0]) for row in rows], [sum(sizes[:i]) for i in range(len(rows))]


def steps() -> Iterator[tuple[object, object]]:
    rows = table("quantization.md", "Step codes")
    yield [int(row[0]) for row in rows], list(range(16))
    yield [float.fromhex(row[1]) for row in rows], quantize.STEP_TABLE.tolist()
    yield [float(row[2]) for row in rows], quantize.STEP_TABLE.tolist()
    codes = table("quantization.md", "Step codes", 1)
    yield [int(codes[0][0]), int(codes[-1][0])], [quantize.MIN_CODE, quantize.MAX_CODE]
    for code, value in codes:
        yield (code, _step(value)), (code, float(quantize.step_values(int(code))))
    yield np.float32(2.0 ** (np.arange(16) / 16)).tolist(), quantize.STEP_TABLE.tolist()


def factorization_limits() -> Iterator[tuple[object, object]]:
    words = generated_columns(0, 1, 4, 0, 4)[0].astype(int).tolist()
    for heading, phrase in (
        ("rdft", f"extent of 1 to {Rdft.MAX_EXTENT}"),
        ("tensor_train", f"d is 2 to {MAX_MODES} |"),
        ("simhash", f"1 to {SimHash.MAX_BITS:,} |"),
        ("Generated matrices", f"0 to 2^{LARGEST_SEED.bit_length()} - 1. "),
        ("Generated matrices", "a row of R {}, {}, {} and {}.".format(*words)),
        ("t_product", f"p is 1 to {MAX_TUBE} "),
        ("t_linear", f"1 to min(m, n, {MAX_TUBE})"),
    ):
        yield (phrase, phrase in " ".join(_section("factorizations.md", heading).split())), (phrase, True)


CHECKS: tuple[Callable[[], Iterator[tuple[object, object]]], ...] = (
    chunk_types, dtypes, forms, scans, options, kinds, coders, error_numbers, container, example, steps,
    factorization_limits,
)  # fmt: skip


def differences(check: Callable[[], Iterator[tuple[object, object]]]) -> list[str]:
    """What the text of one check says, where the code says something else."""
    return [f"{check.__name__}: the text has {text!r}, the code {code!r}" for text, code in check() if text != code]


def main() -> int:
    found = [line for check in CHECKS for line in differences(check)]
    print("\n".join(found) or f"{len(CHECKS)} checks: the text agrees with the code")
    return 1 if found else 0


def _section(page: str, heading: str) -> str:
    return re.split(r"^## ", (SPEC / page).read_text().split(f"## {heading}\n")[1], flags=re.MULTILINE)[0]


def _limits() -> Iterator[tuple[dataclasses.Field, tuple[str, ...]]]:
    return zip(dataclasses.fields(layout.Limits), table("wcz.md", "8. Limits"), strict=True)


def _power(value: int) -> str:
    return f"2^{value.bit_length() - 1}" if value > 1000 else str(value)


def _step(text: str) -> float:
    text = text.split(",")[0]
    return 2.0 ** int(text[2:]) if text.startswith("2^") else float.fromhex(text)


# Kinds whose factors depend on the parameters: the first few of them
EXAMPLES: dict[str, Factorization] = {
    "tensor_train": TensorTrain((1, 1, 1), (1, 1), (1, 1), (1,)),
    "tensor_ring": TensorRing((1, 1, 1), (1, 1), (1, 1), (1, 1)),
    "hierarchical_tucker": HierarchicalTucker((1, 1, 1), (1, 1), (1, 1), (1, 1)),
    "cp": FACTORIZATIONS["cp"]((1, 1), 1),
}
# The smallest of the kinds that have these factors whatever their parameters, but take no kernel.
SMALLEST: dict[str, Factorization] = {
    **{kind: FACTORIZATIONS[kind]((1, 1), 1, 1) for kind in ("tent", "pool", "dct")},
    "block": FACTORIZATIONS["block"]((1,), (1,)),
}


def _factors(cls: type) -> str:
    required = [1] * sum(f.default is dataclasses.MISSING for f in dataclasses.fields(cls)[1:])
    example = EXAMPLES.get(cls.kind) or SMALLEST.get(cls.kind) or cls((1, 1, 1), *required)
    named = [f"{name}*" if name in cls.integer_factors else name for name in example.factor_shapes]
    return " ".join([*named, "..."] if cls.kind in EXAMPLES else named)


def _parameter(field: dataclasses.Field) -> str:
    return field.name if field.default is dataclasses.MISSING else f"{field.name} = {field.default}"


def _dtypes_named(carries: str) -> list[str]:
    if carries == "every dtype":
        return list(DTYPES)
    if carries == "integers and bool":
        return [name for name, n in DTYPES.items() if dtype_of(n).kind in "iub"]
    return carries.split(", ")


if __name__ == "__main__":
    sys.exit(main())
