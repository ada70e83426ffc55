"""The native decoders under sanitizers, over mutated payloads; and every compiler and flag gives the same payloads."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "wcodec" / "native"
SOURCES = sorted(NATIVE.glob("*.c"))


DIGESTS = {
    "mixing_digest": "116c5d4ee67ba072\n",
    "coder_digest": "52cd171fa016c82a\n2ae55a1ce16b14d5\na566edac2079fe86\n",  # run lengths, context, planes
}


@pytest.mark.parametrize("flags", [["-O0"], ["-O3"], ["-O3", "-DWCZ_PORTABLE"]], ids=" ".join)
@pytest.mark.parametrize("name", ["gcc", "clang"])
@pytest.mark.parametrize("digest", DIGESTS)
def test_every_compiler_and_flag_gives_the_same_payloads(
    digest: str, name: str, flags: list[str], build: Callable[..., Path]
) -> None:
    if not shutil.which(name):
        pytest.skip(f"no {name}")
    sources = [ROOT / "tests" / "fuzz" / f"{digest}.c", *SOURCES]
    program = build(digest, sources, *flags, f"-I{NATIVE}", compiler=name)
    run = subprocess.run([program], capture_output=True, text=True, check=True)
    assert run.stdout == DIGESTS[digest]


def test_no_finding(sanitized: Callable[..., Path], find_nothing: Callable[..., None]) -> None:
    find_nothing(sanitized("native_decoders", SOURCES, f"-I{NATIVE}"))
