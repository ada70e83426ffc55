"""The native kernel: chosen openly, freestanding, wary of sizes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wcodec._native as native
from wcodec import backend
from wcodec.coders import reference

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "wcodec" / "native"

# The one place of a float: the product of a symbol and its step, rounded once.
MULTIPLIES_BY_STEPS = ("rans_avx2.c", "rans_lanes.h", "rans_rows.c", "wcz_rans.h")

# int32 -9 .. 8 as a (3, 6) matrix, by each coder in the order of the registry
SAME_BYTES = [
    np.arange(-9, 9).astype("<i4").tobytes().hex(),
    "6142c4a3b1484ed56b4f66d3f908",
    "fffca24804e2896e45be71c321",
    "01000100010000110f0d0b090705030100020406080a0c0e10",
    "9a4108a78cb89a84e7f64bab1d",
    "0c78fc1da0378ce43a5432ac5f",
    "fffc2b5ea5fb2b7b810b88a4",
]


def run_python(program, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_backend_has_a_name():
    assert backend.NAME in ("native", "reference")
    assert backend.kernel is (native if backend.NAME == "native" else reference)


@pytest.mark.parametrize("first", ["wcodec.backend", "wcodec.coders"])
@pytest.mark.parametrize("name", ["native", "reference"])
def test_both_backends_give_the_same_bytes(first, name):
    run = run_python(
        f"import {first}; import numpy as np; from wcodec import backend; from wcodec.coders import CODERS;"
        "print(backend.NAME, backend.kernel.__name__,"
        "      *(c.encode([np.arange(-9, 9).reshape(3, 6).astype(np.int32)]).hex() for c in CODERS.values()))",
        WCODEC_BACKEND=name,
    )
    module = {"native": "wcodec._native", "reference": "wcodec.coders.reference"}[name]
    assert run.stdout.split() == [name, module, *SAME_BYTES], run.stderr


def test_no_fallback_where_the_kernel_is_missing():
    run = run_python("import sys; sys.modules['wcodec._native'] = None; import wcodec.backend", WCODEC_BACKEND="native")
    assert run.returncode == 1
    assert "pip install ." in run.stderr
    assert "WCODEC_BACKEND=reference" in run.stderr


def test_unknown_backend():
    run = run_python("import wcodec.backend", WCODEC_BACKEND="fast")
    assert "'fast'; it may be 'native' or 'reference'" in run.stderr


def test_the_kernels_have_the_same_functions():
    functions = {name for name in dir(native) if not name.startswith("_")}
    assert functions == set(reference.__all__)


@pytest.mark.parametrize("path", sorted({*SOURCES.glob("*.[ch]")} - {*SOURCES.glob("binding*")}), ids=lambda p: p.name)
def test_the_kernel_is_freestanding(path):
    """No libc: what is included is the kernel's own or what every compiler brings along for C99 and its processor."""
    text = path.read_text()
    included = re.findall(r'#include [<"]([^>"]+)[>"]', text)
    of_processor = {"avx2": {"immintrin.h"}, "sse2": {"emmintrin.h"}}.get(path.stem.rpartition("_")[2], set())
    brought_along = {"stddef.h", "stdint.h"} | of_processor
    assert set(included) <= brought_along | {header.name for header in SOURCES.glob("*.h")}
    assert not re.search(r"\b(malloc|calloc|realloc|free|memcpy|memset|printf|assert|double)\b", text)
    assert path.name in MULTIPLIES_BY_STEPS or not re.search(r"\bfloat\b", text)
    assert not re.search(r"^static (?!const\b|inline\b)[^(\n]*[;=]", text, re.MULTILINE), "state outside the caller's"


def test_the_build_stays_portable():
    assert not re.search(r"-march|-mtune|-ffast-math", (ROOT / "CMakeLists.txt").read_text())


@pytest.mark.parametrize(
    "values",
    [np.zeros(3, np.int64), np.zeros((3, 1), np.int32), np.zeros(6, np.int32)[::2], [0, 0, 0]],
    ids=["dtype", "rank", "stride", "list"],
)
def test_the_binding_takes_no_other_arrays(values):
    with pytest.raises(TypeError):
        native.run_length_encode(values, -1, -1, False)
    with pytest.raises(TypeError):
        native.run_length_decode(b"\1", -1, -1, False, values)
    with pytest.raises(TypeError):
        native.plane_decode(b"\1\0", 1, 0, values)


def test_the_binding_does_not_write_to_what_may_not_be_written():
    frozen = np.zeros(1, np.int32)
    frozen.flags.writeable = False
    with pytest.raises(TypeError):
        native.run_length_decode(b"\2", -1, -1, False, frozen)


def test_payloads_may_be_any_contiguous_bytes():
    for payload in (b"\2", bytearray(b"\2"), memoryview(b"\1\2")[1:], np.array([2], np.uint8)):
        out = np.ones(1, np.int32)
        assert native.run_length_decode(payload, -1, -1, False, out) == 1
        assert out.tolist() == [0]
    with pytest.raises((TypeError, BufferError)):
        native.run_length_decode("2", -1, -1, False, np.ones(1, np.int32))
