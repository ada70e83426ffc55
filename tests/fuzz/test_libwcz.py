"""libwcz under sanitizers: mutated golden files in random pieces for some seconds; libFuzzer where clang has it.

WCODEC_FUZZ_SECONDS lengthens the runs, WCODEC_FUZZ_SEED changes them.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "format_spec" / "vectors"
# gcc takes a minute to instrument all of libwcz.
COMPILER = "clang" if shutil.which("clang") else "cc"
SECONDS = os.environ.get("WCODEC_FUZZ_SECONDS", "4")
SEED = os.environ.get("WCODEC_FUZZ_SEED", "1")
CHECKS = ["-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-sanitize-recover=all"]

PROBE = """\
#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return data && size ? 0 : 0; }
#ifdef STANDALONE
int main(void) { return 0; }
#endif
"""


def build(compiler: str, folder: Path, *flags: str) -> Path:
    """The harness; skips where the compiler lacks what the flags ask for."""
    path = shutil.which(compiler)
    if path is None:
        pytest.skip(f"no {compiler}")
    probe = folder / "probe.c"
    probe.write_text(PROBE)
    if subprocess.run([path, *flags, probe, "-o", folder / "probe"], capture_output=True).returncode:
        pytest.skip(f"{compiler} without {' '.join(flags)}")
    subprocess.run([sys.executable, ROOT / "tools" / "amalgamate.py", folder], check=True)
    program = folder / "libwcz_fuzz"
    sources = [ROOT / "tests" / "fuzz" / "libwcz.c", folder / "wcz.c"]
    command = [path, "-std=c99", *CHECKS, *flags, f"-I{folder}", *sources, "-o", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def test_no_finding(tmp_path: Path) -> None:
    program = build(COMPILER, tmp_path, "-fsanitize=address,undefined", "-DSTANDALONE")
    run = subprocess.run([program, SECONDS, SEED, *sorted(VECTORS.rglob("*.wcz"))], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-4000:]
    assert run.stdout.endswith("no finding\n")
    assert int(run.stdout.split()[0]) > 0


def test_libfuzzer_finds_nothing(tmp_path: Path) -> None:
    program = build("clang", tmp_path, "-fsanitize=fuzzer,address,undefined")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for path in VECTORS.rglob("*.wcz"):
        (corpus / path.name).write_bytes(path.read_bytes() + bytes([1, 6, 9, 0, 0, 9]))
    options = [f"-max_total_time={SECONDS}", f"-seed={SEED}", "-max_len=8192", f"-artifact_prefix={tmp_path}/"]
    run = subprocess.run([program, *options, corpus], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-4000:]
    assert "DONE" in run.stderr
