"""The native decoders under AddressSanitizer and UndefinedBehaviorSanitizer, over mutated payloads for some seconds.

WCODEC_FUZZ_SECONDS lengthens the run, WCODEC_FUZZ_SEED changes it.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "wcodec" / "native"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A C compiler whose sanitizers work here."""
    probe = tmp_path_factory.mktemp("probe")
    (probe / "probe.c").write_text("int main(void) { return 0; }\n")
    for name in ("cc", "clang", "gcc"):
        if path := shutil.which(name):
            build = subprocess.run([path, *SANITIZERS, "probe.c", "-o", "probe"], cwd=probe, capture_output=True)
            if build.returncode == 0 and subprocess.run([probe / "probe"], capture_output=True).returncode == 0:
                return path
    pytest.skip("no C compiler with AddressSanitizer and UndefinedBehaviorSanitizer")


DIGESTS = {
    "mixing_digest": "116c5d4ee67ba072\n",
    "coder_digest": "52cd171fa016c82a\n2ae55a1ce16b14d5\na566edac2079fe86\n",  # run lengths, context, planes
}


@pytest.mark.parametrize("flags", [["-O0"], ["-O3"], ["-O3", "-DWCZ_PORTABLE"]], ids=" ".join)
@pytest.mark.parametrize("name", ["gcc", "clang"])
@pytest.mark.parametrize("digest", DIGESTS)
def test_every_compiler_and_flag_gives_the_same_payloads(
    digest: str, name: str, flags: list[str], tmp_path: Path
) -> None:
    if not shutil.which(name):
        pytest.skip(f"no {name}")
    sources = [ROOT / "tests" / "fuzz" / f"{digest}.c", *sorted(NATIVE.glob("*.c"))]
    program = tmp_path / digest
    subprocess.run([name, "-std=c99", *flags, f"-I{NATIVE}", *sources, "-o", program], check=True)
    run = subprocess.run([program], capture_output=True, text=True, check=True)
    assert run.stdout == DIGESTS[digest]


def test_no_finding(compiler: str, tmp_path: Path) -> None:
    program = tmp_path / "native_decoders"
    sources = [ROOT / "tests" / "fuzz" / "native_decoders.c", *sorted(NATIVE.glob("*.c"))]
    flags = ["-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-DSTANDALONE", f"-I{NATIVE}"]
    built = subprocess.run([compiler, *flags, *SANITIZERS, *sources, "-o", program], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    seconds = os.environ.get("WCODEC_FUZZ_SECONDS", "4")
    run = subprocess.run(
        [program, seconds, os.environ.get("WCODEC_FUZZ_SEED", "1")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-4000:]
    assert run.stdout.endswith("no finding\n")
    assert int(run.stdout.split()[0]) > 0
