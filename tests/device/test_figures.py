"""Memory and size of libwcz, held to what docs/libwcz.md says of them."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import wcodec

HERE = Path(__file__).parent
SMALL_STATE, SMALL_COLUMN = 64 * 1024, 16
WIDTHS = (256, 1024)


@pytest.fixture(scope="module")
def memory(amalgamation, tmp_path_factory):
    """(coder, width) -> bytes of decoder, names, chunk and coder for a kernel of 40 rows and so many columns."""
    compiler = shutil.which("cc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("meter")
    sources = [HERE / "meter.c", amalgamation / "wcz.c"]
    subprocess.run([compiler, "-std=c99", f"-I{amalgamation}", *sources, "-o", folder / "meter"], check=True)
    rng = np.random.default_rng(3)
    paths = {}
    for width in WIDTHS:
        kernel = rng.laplace(size=(width, 40)).astype("f")  # coded as 40 rows: (out, in)
        for coder in ("elias_gamma", "rice", "context", "mixing", "rans"):
            paths[coder, width] = folder / f"{coder}_{width}.wcz"
            wcodec.encode({"kernel": kernel}, paths[coder, width], coder=coder, bits_per_weight=4.0)
    done = subprocess.run([folder / "meter", *paths.values()], capture_output=True, text=True, check=True)
    rows = [[int(n) for n in line.split()] for line in done.stdout.splitlines()]
    return dict(zip(paths, rows, strict=True))


@pytest.mark.parametrize("coder", ["context", "mixing"])
def test_the_coders_of_small_take_64_kb_and_16_bytes_a_column(memory, coder):
    for width in WIDTHS:
        *_, chunk, state = memory[coder, width]
        assert chunk + state <= SMALL_STATE + SMALL_COLUMN * width
    assert (memory[coder, 1024][3] - memory[coder, 256][3]) / (1024 - 256) <= SMALL_COLUMN


@pytest.mark.parametrize("coder", ["elias_gamma", "rice"])
def test_run_lengths_take_less_than_a_kilobyte_beyond_the_values(memory, coder):
    for width in WIDTHS:
        decoder, names, chunk, state = memory[coder, width]
        assert chunk + state < 1024
        assert decoder + names < 2048


def test_the_page_says_what_the_meter_says(memory):
    page = (HERE.parents[1] / "docs" / "libwcz.md").read_text()
    said = {m[1]: (int(m[2].replace(",", "")), float(m[3])) for m in
            re.finditer(r"^\| `(\w+)` \| ([\d,]+) \| ([\d.]+) \|", page, re.MULTILINE)}  # fmt: skip
    for coder, (state, column) in said.items():
        narrow, wide = (memory[coder, width][2] + memory[coder, width][3] for width in WIDTHS)
        slope = (wide - narrow) / (WIDTHS[1] - WIDTHS[0])
        assert slope == pytest.approx(column, abs=0.5), coder
        assert narrow - slope * WIDTHS[0] == pytest.approx(state, rel=0.02, abs=64), coder
    assert set(said) == {coder for coder, _ in memory}


def test_the_decoder_of_a_microcontroller_is_small(amalgamation, tmp_path):
    compiler = shutil.which("arm-none-eabi-gcc") or shutil.which("arm-linux-gnueabihf-gcc")
    if compiler is None:
        pytest.skip("no compiler for 32-bit Arm")
    target = ["-mcpu=cortex-m4"] if "none" in compiler else []
    flags = ["-std=c99", "-Os", "-mthumb", *target, "-ffreestanding", "-ffunction-sections", "-fdata-sections"]
    public = re.findall(r"\b(wcz_\w+)\(", (amalgamation / "wcz.h").read_text())
    sizes = {}
    for kinds in ("WCZ_BASIC_KINDS", "WCZ_EVERY_KIND"):
        subprocess.run(
            [compiler, *flags, f"-D{kinds}", "-c", amalgamation / "wcz.c", "-o", "wcz.o"], cwd=tmp_path, check=True
        )
        keep = [f"-Wl,-u,{name}" for name in public]
        link = [compiler, "-r", "-nostdlib", "-Wl,--gc-sections", *keep, "wcz.o", "-o", "all.o"]
        subprocess.run(link, cwd=tmp_path, check=True)
        size = shutil.which(compiler.replace("gcc", "size")) or "size"
        row = subprocess.run([size, "all.o"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        sizes[kinds] = int(row.splitlines()[1].split()[3])
    assert sizes["WCZ_BASIC_KINDS"] <= 34 * 1024
    # Position-independent code, which compilers for Linux make, has its pointers twice.
    assert sizes["WCZ_EVERY_KIND"] <= (40 if "none" in compiler else 41) * 1024
