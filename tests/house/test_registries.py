"""What is registered is also specified, and shown by a golden file."""

import re
from pathlib import Path

import pytest

import wcodec
from wcodec.coders import CODERS
from wcodec.factorizations import FACTORIZATIONS
from wcodec.frontends.registry import FRONTENDS

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "format_spec"
BUILT_IN = [kind for kind, cls in FACTORIZATIONS.items() if cls.number is not None]


def sections(page: str) -> set[str]:
    return set(re.findall(r"^## (?:\d+\. )?`?(\w+)`?", (SPEC / page).read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def in_vectors() -> tuple[set[str], set[str]]:
    """Kinds and coders that the valid vectors use."""
    kinds: set[str] = set()
    coders: set[str] = set()
    for path in (SPEC / "vectors" / "valid").glob("*.wcz"):
        with wcodec.safe_open(path) as file:
            details = file.tensor_details()
        kinds |= {row.kind for row in details}
        coders |= {coder for row in details for coder in row.coders}
    return kinds, coders


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_factorization_is_specified_and_shown(kind: str, in_vectors: tuple[set[str], set[str]]) -> None:
    assert kind in sections("factorizations.md")
    assert kind in in_vectors[0]


@pytest.mark.parametrize("coder", CODERS)
def test_every_coder_is_specified_and_shown(coder: str, in_vectors: tuple[set[str], set[str]]) -> None:
    assert coder in sections("coders.md")
    assert coder in in_vectors[1]


@pytest.mark.parametrize(
    ("package", "classes"),
    [
        ("coders", [type(coder) for coder in CODERS.values()]),
        ("factorizations", [FACTORIZATIONS[kind] for kind in BUILT_IN]),
        ("frontends", [type(frontend) for frontend in FRONTENDS.values()]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_one_file_a_kind(package: str, classes: list[type]) -> None:
    modules = [cls.__module__ for cls in classes]
    assert all(module.startswith(f"wcodec.{package}.") for module in modules)
    assert len(set(modules)) == len(modules)


def test_numbers_are_not_shared() -> None:
    coders = [coder.number for coder in CODERS.values()]
    kinds = [FACTORIZATIONS[kind].number for kind in BUILT_IN]
    assert sorted(coders) == sorted(set(coders))
    assert sorted(kinds) == sorted(set(kinds))
