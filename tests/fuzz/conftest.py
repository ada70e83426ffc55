"""Harnesses: built with sanitizers where a compiler has them, run for some seconds from a seed.

WCODEC_FUZZ_SECONDS lengthens the runs, WCODEC_FUZZ_SEED changes them. A harness is a C file here with
LLVMFuzzerTestOneInput for libFuzzer and, under STANDALONE, a main that takes seconds, a seed and files to begin with.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECONDS, SEED = os.environ.get("WCODEC_FUZZ_SECONDS", "4"), os.environ.get("WCODEC_FUZZ_SEED", "1")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
LIBFUZZER = ["-g", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]

PROBE = """\
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return data && size ? 0 : 0; }
#ifdef STANDALONE
int main(void) { return 0; }
#endif
"""

Paths = Iterable[Path]


def build(program: Path, sources: Paths, *flags: str, compiler: str) -> Path:
    """The program; a warning fails the test."""
    command = [compiler, *STRICT, *flags, *sources, "-o", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


@pytest.fixture(name="build")
def _build(tmp_path: Path) -> Callable[..., Path]:
    """(name, sources, *flags, compiler=) -> the program, in the folder of the test."""
    return lambda name, sources, *flags, compiler: build(tmp_path / name, sources, *flags, compiler=compiler)


@pytest.fixture(scope="session")
def compiler_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """(flags, names) -> the first C compiler that builds and links with these flags; skips where there is none."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.c").write_text(PROBE)

    def find(flags: list[str], names: tuple[str, ...]) -> str:
        for path in filter(None, map(shutil.which, names)):
            built = subprocess.run([path, *flags, "probe.c", "-o", "probe"], cwd=folder, capture_output=True)
            runs = "-DSTANDALONE" not in flags or not subprocess.run([folder / "probe"]).returncode
            if built.returncode == 0 and runs:
                return path
        pytest.skip(f"none of {', '.join(names)} has {' '.join(flags)}")

    return find


@pytest.fixture
def sanitized(tmp_path: Path, compiler_with: Callable[..., str]) -> Callable[..., Path]:
    """(harness, sources, *flags, compilers=) -> its program of its own main, with address and undefined sanitizers."""

    def make(harness: str, sources: Paths, *flags: str, compilers: tuple[str, ...] = ("cc", "clang", "gcc")) -> Path:
        checks = [*SANITIZERS, "-DSTANDALONE"]
        found = compiler_with(checks, compilers)
        return build(tmp_path / harness, [HERE / f"{harness}.c", *sources], *checks, *flags, compiler=found)

    return make


@pytest.fixture
def find_nothing() -> Callable[..., None]:
    """(program of `sanitized`, *files to begin with): run it; any finding fails the test."""

    def run(program: Path, *files: Path) -> None:
        done = subprocess.run([program, SECONDS, SEED, *files], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-4000:]
        assert done.stdout.endswith("no finding\n")
        assert int(done.stdout.split()[0]) > 0

    return run


@pytest.fixture
def libfuzzer_finds_nothing(tmp_path: Path, compiler_with: Callable[..., str]) -> Callable[..., None]:
    """(harness, sources, corpus: name -> bytes, *flags): the same under libFuzzer, which looks at branches taken."""

    def run(harness: str, sources: Paths, corpus: dict[str, bytes], *flags: str) -> None:
        clang = compiler_with(LIBFUZZER, ("clang",))
        program = build(tmp_path / harness, [HERE / f"{harness}.c", *sources], *LIBFUZZER, *flags, compiler=clang)
        folder = tmp_path / "corpus"
        folder.mkdir()
        for name, data in corpus.items():
            (folder / name).write_bytes(data)
        options = [f"-max_total_time={SECONDS}", f"-seed={SEED}", "-max_len=8192", f"-artifact_prefix={tmp_path}/"]
        done = subprocess.run([program, *options, folder], capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-4000:]
        assert "DONE" in done.stderr

    return run
