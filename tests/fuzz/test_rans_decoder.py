"""The rans decoder under sanitizers, over mutated payloads; and built with -O0 and -O3: the same bytes and values.

WCODEC_FUZZ_SECONDS lengthens the run, WCODEC_FUZZ_SEED changes it.
"""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS
from wcodec.coders.rans_control import Geometry
from wcodec.coders.rans_plan import make_plan

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "wcodec" / "native"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


def array(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    values = rng.laplace(0, scale, shape) * np.exp(rng.normal(0, 1, (shape[0],) + (1,) * (len(shape) - 1)))
    return np.clip(np.rint(values), -(2**31) + 1, 2**31 - 1).astype(np.int32)


def arrays() -> list[np.ndarray]:
    rng = np.random.default_rng(11)
    shapes = [(40,), (2000,), (8, 128), (33, 40), (17, 12, 3, 3), (9, 200), (70, 2, 1, 20)]
    return [array(rng, shape, scale) for shape in shapes for scale in (0.2, 2, 300)]


def build(tmp_path: Path, name: str, *flags: str) -> Path:
    program = tmp_path / name
    command = [COMPILER, "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{NATIVE}", *flags, "-o", program]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return program


@needs_compiler
def test_no_finding(tmp_path: Path) -> None:
    probe = tmp_path / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    if subprocess.run([COMPILER, *SANITIZERS, probe, "-o", tmp_path / "probe"], capture_output=True).returncode:
        pytest.skip("no C compiler with AddressSanitizer and UndefinedBehaviorSanitizer")
    sources = [ROOT / "tests" / "fuzz" / "rans_decoder.c", *sorted(NATIVE.glob("*.c"))]
    program = build(tmp_path, "rans_decoder", "-g", "-O1", "-DSTANDALONE", *SANITIZERS, *map(str, sources))
    inputs = [np.array(Geometry.of(a.shape), "<u2").tobytes() + CODERS["rans"].encode([a]) for a in arrays()]
    corpus = tmp_path / "corpus"
    corpus.write_bytes(b"".join(len(i).to_bytes(4, "little") + i for i in inputs))
    seconds, seed = os.environ.get("WCODEC_FUZZ_SECONDS", "4"), os.environ.get("WCODEC_FUZZ_SEED", "1")
    run = subprocess.run([program, seconds, seed, corpus], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    assert run.stdout.endswith("no finding\n")
    assert int(run.stdout.split()[0]) > 0


class Shape(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in ("rows", "channels", "kernel", "line")]


class Sink(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("steps", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    ]


INT32 = 2


def decode(library: Any, path: int, payload: bytes, geometry: Geometry) -> bytes:
    """Bytes of the int32 symbols that a build of the kernel reads; asserts that it accepts the payload."""
    library.wcz_rans_scratch.restype = ctypes.c_size_t
    shape, decoder = Shape(*geometry), ctypes.create_string_buffer(1 << 16)
    size = library.wcz_rans_scratch(ctypes.byref(shape))
    scratch, out = ctypes.create_string_buffer(size), ctypes.create_string_buffer(4 * geometry.size)
    sink = Sink(INT32, ctypes.addressof(out), None, 0)
    assert library.wcz_rans_open(decoder, ctypes.c_void_p(path), payload, ctypes.c_size_t(len(payload))) == 0
    args = decoder, ctypes.byref(shape), ctypes.byref(sink), scratch, ctypes.c_size_t(size)
    assert library.wcz_rans_read(*args) == 0
    assert library.wcz_rans_close(decoder) == 0
    return out.raw


@needs_compiler
@pytest.mark.parametrize("optimization", ["-O0", "-O3", "-Os"])
def test_every_build_decodes_the_same_values(optimization: str, tmp_path: Path) -> None:
    sources = [str(NATIVE / f"rans_{part}.c") for part in ("header", "decode", "avx2", "encode")]
    library = ctypes.CDLL(str(build(tmp_path, "rans.so", "-shared", "-fPIC", optimization, *sources)))
    library.wcz_rans_avx2.restype = ctypes.c_void_p
    portable = ctypes.addressof(ctypes.c_char.in_dll(library, "wcz_rans_portable"))
    for values in arrays():
        geometry, payload = Geometry.of(values.shape), CODERS["rans"].encode([values])
        for path in filter(None, (portable, library.wcz_rans_avx2())):
            assert decode(library, path, payload, geometry) == values.tobytes()


@needs_compiler
@pytest.mark.parametrize("optimization", ["-O0", "-O3"])
def test_every_build_writes_the_same_integers(optimization: str, tmp_path: Path) -> None:
    library = ctypes.CDLL(
        str(build(tmp_path, "rans.so", "-shared", "-fPIC", optimization, str(NATIVE / "rans_encode.c")))
    )
    rng = np.random.default_rng(12)
    models = rng.integers(7, 37, 3000).astype(np.uint8)
    values = np.rint(rng.laplace(0, 1, 3000) * 10.0 ** rng.integers(0, 9, 3000)).astype(np.int32)
    out, written = ctypes.create_string_buffer(64 * 3000 + 68), ctypes.c_size_t()
    args = models.tobytes(), values.tobytes(), ctypes.c_size_t(3000), out, ctypes.c_size_t(len(out))
    assert library.wcz_adaptive_encode(*args, ctypes.byref(written)) == 0
    assert out.raw[: written.value] == native.adaptive_encode(models, values)
    packed = np.empty(5 * 8 * 40, np.int8)
    matrix = array(rng, (33, 40), 3)
    args = matrix.tobytes(), ctypes.c_size_t(33), ctypes.c_size_t(40), ctypes.c_size_t(8)
    assert library.wcz_rans_pack(*args, ctypes.c_void_p(packed.ctypes.data)) == 0
    assert packed.tobytes() == make_plan(matrix.ravel(), Geometry.of(matrix.shape))[1].tobytes()
