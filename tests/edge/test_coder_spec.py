"""What format_spec/coders.md says in numbers, against the code: worked examples, tables, registry."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from wcodec.coders import CODERS, ArraySpec
from wcodec.coders.reference.context_prior import ADAPTATION_RATE, PRIOR

PAGE = (Path(__file__).parents[2] / "format_spec" / "coders.md").read_text()
EXAMPLES = re.findall(r"^    (\w+): (.+) = ([0-9a-f ]+|-)$", PAGE, re.MULTILINE)


def read_array(text):
    dtype, shape, *values = text.split()
    dims = () if shape == "()" else tuple(int(n) for n in shape.split("x"))
    assert len(values) == math.prod(dims), text
    numbers = [float(v) if dtype.startswith("float") else int(v) for v in values]
    return np.array(numbers, dtype).reshape(dims)


def test_every_coder_has_an_example():
    assert {name for name, _, _ in EXAMPLES} == set(CODERS)
    assert len(EXAMPLES) == 23


@pytest.mark.parametrize(("name", "arrays", "code"), EXAMPLES)
def test_worked_example(name, arrays, code):
    decoded = [read_array(text) for text in arrays.split(" | ")]
    payload = b"" if code == "-" else bytes.fromhex(code)
    assert CODERS[name].encode(decoded).hex(" ") == payload.hex(" ")
    again = CODERS[name].decode(payload, [ArraySpec(a.shape, a.dtype) for a in decoded])
    assert [(a.dtype, a.shape, a.tobytes()) for a in again] == [(a.dtype, a.shape, a.tobytes()) for a in decoded]


def test_sections_carry_the_numbers_of_the_coders():
    sections = re.findall(r"^## \d\. (\w+)\n\nNumber (\d);", PAGE, re.MULTILINE)
    assert {name: int(number) for name, number in sections} == {c.name: c.number for c in CODERS.values()}


def test_initial_probabilities():
    tables = re.findall(r"^    (\w+) \([^)]+\)\n((?:        [0-9 ]+\n)+)", PAGE, re.MULTILINE)
    stated = [(name, [int(n) for n in numbers.split()]) for name, numbers in tables]
    assert stated == [item for contexts in PRIOR for item in contexts.items()]


def test_adaptation_rate():
    formula = re.search(r"^    rate\(n\) = (.+?)   ", PAGE, re.MULTILINE).group(1)
    python = formula.replace(" n", " * n").replace("div", "//")
    assert python == "(20480 + 10 * n + 16) // (20 * n + 32)"
    assert [(20480 + 10 * n + 16) // (20 * n + 32) for n in range(256)] == ADAPTATION_RATE
    assert max(abs(rate - 1024 / (n + 1.6)) for n, rate in enumerate(ADAPTATION_RATE)) <= 0.5
