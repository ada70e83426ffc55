"""The constants of the mixing coder: format_spec/coders.md, the kernel and its plain-Python twin say the same."""

import re
from pathlib import Path

import numpy as np

from wcodec.coders.reference import mixing_model, mixing_prior

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "format_spec" / "coders.md").read_text().split("\n## 8. mixing\n")[1].split("\n## ")[0]


def flat(numbers):
    return [n for item in numbers for n in flat(item)] if isinstance(numbers, list) else [numbers]


def test_constants_of_the_specification():
    tables = re.findall(r"^    (\w+) \([^)]+\)\n((?:        [0-9 -]+\n)+)", SECTION, re.MULTILINE)
    stated = {name: [int(n) for n in numbers.split()] for name, numbers in tables}
    assert stated == {name: flat(value) for name, value in vars(mixing_prior).items() if name.isupper()}


def test_constants_of_the_kernel():
    header = (ROOT / "wcodec" / "native" / "mixing_prior.h").read_text()
    tables = dict(re.findall(r"static const \w+ (?:PRIOR_)?(\w+)[\[\]0-9]+ = (\{.*?\});", header, re.DOTALL))
    numbers = {name: [int(n) for n in re.findall(r"-?\d+", text)] for name, text in tables.items()}
    numbers["SCALE_START"] = numbers["SCALE_START"][:6]
    assert numbers.pop("PREDICTION_UNITS") == [4096 // (16 + i) for i in range(16)]
    assert numbers == {name: flat(value) for name, value in vars(mixing_prior).items() if name.isupper()}


def test_curves_are_the_logistic_function_and_its_inverse():
    x = np.arange(-2048, 2048) / 256
    assert np.abs(np.array(mixing_model.SQUASH) / 65536 * (1 + np.exp(-x)) - 1).max() < 0.03
    p = (np.arange(4096) + 0.5) / 4096
    assert np.abs(np.array(mixing_model.STRETCH) / 256 - np.log(p / (1 - p)).clip(-8, 8)).max() < 0.03
    assert all(abs(rate - 65536 / (n + 1.6)) <= 1 for n, rate in enumerate(mixing_model.RATES))
