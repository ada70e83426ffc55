"""The decoder of round messages under sanitizers: mutated payloads of senders with a past, for some seconds.

WCODEC_FUZZ_SECONDS lengthens the run, WCODEC_FUZZ_SEED changes it.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from wcodec import backend

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "wcodec" / "native"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
HEARD, OWN = 1, 2
LAYOUTS = [
    [(1, 30, 0)],
    [(8, 27, 2), (1, 8, 0), (40, 25, 1)],
    [(100, 9, 2)],
]
MESSAGES = 3


def memory(layout: list[tuple[int, int, int]]) -> tuple[np.ndarray, ...]:
    rows, columns, size = (sum(counts) for counts in zip(*((r, c, r * c) for r, c, _ in layout), strict=True))
    return (
        np.zeros(size, np.uint16), np.zeros(size, np.int8), np.zeros(rows, np.uint32),
        np.zeros(columns, np.uint32), np.zeros(len(layout), np.uint32),
    )  # fmt: skip


def sender(layout: list[tuple[int, int, int]], flags: int, spread: float, rng: np.random.Generator) -> bytes:
    """An input of temporal_decoder.c: MESSAGES messages of one sender."""
    heard, own = memory(layout), memory(layout)
    model = np.zeros(backend.kernel.TEMPORAL_WORDS, np.uint32)
    backend.kernel.temporal_start(model)
    data = bytes([flags, len(layout)])
    for rows, columns, kind in layout:
        data += rows.to_bytes(2, "little") + columns.to_bytes(2, "little") + bytes([kind])
    for _ in range(MESSAGES):
        symbols = np.rint(rng.standard_t(1.2, len(heard[0])) * spread)
        symbols = np.clip(symbols, -(2**31) + 1, 2**31 - 1).astype(np.int32)
        memories = heard if flags & HEARD else None, own if flags & OWN else None
        payload = backend.kernel.temporal_encode(symbols, layout, *memories, model)
        data += len(payload).to_bytes(2, "little") + payload
        for remembered in (heard, own):
            backend.kernel.temporal_remember(symbols, layout, remembered)
    return data


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A C compiler whose sanitizers work here."""
    probe = tmp_path_factory.mktemp("probe")
    (probe / "probe.c").write_text("int main(void) { return 0; }\n")
    for name in ("cc", "clang", "gcc"):
        if path := shutil.which(name):
            built = subprocess.run([path, *SANITIZERS, "probe.c", "-o", "probe"], cwd=probe, capture_output=True)
            if built.returncode == 0 and subprocess.run([probe / "probe"], capture_output=True).returncode == 0:
                return path
    pytest.skip("no C compiler with AddressSanitizer and UndefinedBehaviorSanitizer")


def test_no_finding(compiler: str, tmp_path: Path) -> None:
    program = tmp_path / "temporal_decoder"
    sources = [ROOT / "tests" / "fuzz" / "temporal_decoder.c", *(NATIVE / f"temporal_{n}code.c" for n in ("de", "en"))]
    flags = ["-std=c99", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-DSTANDALONE", f"-I{NATIVE}"]
    built = subprocess.run([compiler, *flags, *SANITIZERS, *sources, "-o", program], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    rng = np.random.default_rng(14)
    inputs = [sender(a, flags, spread, rng) for a in LAYOUTS for flags in range(4) for spread in (0.1, 0.5, 1000)]
    corpus = tmp_path / "corpus"
    corpus.write_bytes(b"".join(len(i).to_bytes(4, "little") + i for i in inputs))
    seconds, seed = os.environ.get("WCODEC_FUZZ_SECONDS", "4"), os.environ.get("WCODEC_FUZZ_SEED", "1")
    run = subprocess.run([program, seconds, seed, corpus], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    assert run.stdout.startswith(f"{MESSAGES * len(inputs)} messages of the corpus, ")
    assert run.stdout.endswith(" messages accepted, no finding\n")
    assert int(run.stdout.split()[5]) > 0
