"""What format_spec/coders.md says in numbers, against the code: worked examples, tables, registry."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from wcodec.coders import CODERS, ArraySpec
from wcodec.coders.reference import context_model, context_prior

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
    assert len(EXAMPLES) == 17


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


def flat(numbers):
    return [n for item in numbers for n in flat(item)] if isinstance(numbers, list) else [numbers]


def test_constants_of_the_context_coder():
    tables = re.findall(r"^    (\w+) \([^)]+\)\n((?:        [0-9 -]+\n)+)", PAGE, re.MULTILINE)
    stated = {name: [int(n) for n in numbers.split()] for name, numbers in tables}
    assert stated == {name: flat(value) for name, value in vars(context_prior).items() if name.isupper()}


def test_constants_of_the_kernel():
    header = (Path(__file__).parents[2] / "wcodec" / "native" / "context_prior.h").read_text()
    tables = dict(re.findall(r"static const \w+ (?:PRIOR_)?(\w+)[\[\]0-9]+ = (\{.*?\});", header, re.DOTALL))
    numbers = {name: [int(n) for n in re.findall(r"-?\d+", text)] for name, text in tables.items()}
    numbers["SCALE_START"] = numbers["SCALE_START"][:6]
    assert numbers.pop("PREDICTION_UNITS") == [4096 // (16 + i) for i in range(16)]
    assert numbers == {name: flat(value) for name, value in vars(context_prior).items() if name.isupper()}


def test_curves_are_the_logistic_function_and_its_inverse():
    x = np.arange(-2048, 2048) / 256
    assert np.abs(np.array(context_model.SQUASH) / 65536 * (1 + np.exp(-x)) - 1).max() < 0.03
    p = (np.arange(4096) + 0.5) / 4096
    assert np.abs(np.array(context_model.STRETCH) / 256 - np.log(p / (1 - p)).clip(-8, 8)).max() < 0.03
    assert all(abs(rate - 65536 / (n + 1.6)) <= 1 for n, rate in enumerate(context_model.RATES))
