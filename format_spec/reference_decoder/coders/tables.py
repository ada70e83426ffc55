"""The tables of coders.md, read from the text itself."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "coders.md"


def section(number: str) -> str:
    return PAGE.read_text().split(f"### {number}")[1].split("\n## ")[0]


def tables_in(text: str) -> dict[str, list[int]]:
    """Name -> its numbers in order; every table flat."""
    tables = re.findall(r"^    (\w+) \(.*\)\n((?:[ \d-]+\n)+)", text, re.MULTILINE)
    return {name: [int(n) for n in numbers.split()] for name, numbers in tables}
