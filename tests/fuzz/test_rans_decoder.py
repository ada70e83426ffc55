"""The rans decoder under sanitizers, over mutated payloads; and built with -O0 and -O3: the same bytes and values."""

import ctypes
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS
from wcodec.coders.rans_control import Geometry
from wcodec.coders.rans_plan import KERNEL, LANES, LINE, make_plan, near_columns

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "wcodec" / "native"


def array(rng: np.random.Generator, shape: tuple[int, ...], scale: float) -> np.ndarray:
    values = rng.laplace(0, scale, shape) * np.exp(rng.normal(0, 1, (shape[0],) + (1,) * (len(shape) - 1)))
    return np.clip(np.rint(values), -(2**31) + 1, 2**31 - 1).astype(np.int32)


def arrays() -> list[np.ndarray]:
    rng = np.random.default_rng(11)
    shapes = [(40,), (2000,), (8, 128), (33, 40), (17, 12, 3, 3), (9, 200), (70, 2, 1, 20)]
    return [array(rng, shape, scale) for shape in shapes for scale in (0.2, 2, 300)]


COMPILERS = [name for name in ("gcc", "clang", "cc") if shutil.which(name)][:2]
needs_compiler = pytest.mark.skipif(not COMPILERS, reason="no C compiler")


def test_no_finding(sanitized: Callable[..., Path], find_nothing: Callable[..., None], tmp_path: Path) -> None:
    inputs = [np.array(Geometry.of(a.shape), "<u2").tobytes() + CODERS["rans"].encode([a]) for a in arrays()]
    corpus = tmp_path / "corpus"
    corpus.write_bytes(b"".join(len(i).to_bytes(4, "little") + i for i in inputs))
    find_nothing(sanitized("rans_decoder", sorted(NATIVE.glob("*.c")), f"-I{NATIVE}"), corpus)


def shared_library(build: Callable[..., Path], parts: tuple[str, ...], optimization: str, compiler: str) -> ctypes.CDLL:
    """Parts of the kernel's rans, built by a compiler."""
    sources = [NATIVE / f"rans_{part}.c" for part in parts]
    flags = "-shared", "-fPIC", optimization, f"-I{NATIVE}"
    return ctypes.CDLL(str(build("rans.so", sources, *flags, compiler=compiler)))


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
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("optimization", ["-O0", "-O3", "-Os"])
def test_every_build_decodes_the_same_values(optimization: str, compiler: str, build: Callable[..., Path]) -> None:
    library = shared_library(build, ("header", "rows", "decode", "avx2", "encode"), optimization, compiler)
    library.wcz_rans_avx2.restype = ctypes.c_void_p
    portable = ctypes.addressof(ctypes.c_char.in_dll(library, "wcz_rans_portable"))
    for values in arrays():
        geometry, payload = Geometry.of(values.shape), CODERS["rans"].encode([values])
        for path in filter(None, (portable, library.wcz_rans_avx2())):
            assert decode(library, path, payload, geometry) == values.tobytes()


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("optimization", ["-O0", "-O3"])
def test_every_build_writes_the_same_integers(optimization: str, compiler: str, build: Callable[..., Path]) -> None:
    library = shared_library(build, ("encode", "contexts"), optimization, compiler)
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
    _, expected = make_plan(matrix.ravel(), Geometry.of(matrix.shape))
    assert packed.tobytes() == expected.tobytes()


class Bands(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("rows", "columns", "lanes")),
        *((name, ctypes.c_void_p) for name in ("near_a", "near_b", "row_scale", "column_scale")),
    ]


class Contexts(ctypes.Structure):
    _fields_ = [("choice", ctypes.c_uint32), ("bits", ctypes.c_uint64), ("merged", ctypes.c_uint8 * 16)]


@needs_compiler
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("optimization", ["-O0", "-O3"])
def test_every_build_chooses_and_writes_the_same(optimization: str, compiler: str, build: Callable[..., Path]) -> None:
    """Counts, contexts and words of a matrix, as the native module has them."""
    library = shared_library(build, ("encode", "contexts"), optimization, compiler)
    plan, packed = make_plan(array(np.random.default_rng(13), (40, 20, 3, 3), 3).ravel(), Geometry(40, 20, 9, 3))
    near = [near_columns(kind, plan.view) for kind in (KERNEL, LINE)]
    arguments = near[0], near[1], plan.scales.rows.astype(np.int32), plan.scales.columns
    described = Bands(40, 180, LANES[plan.layout], *(a.ctypes.data for a in arguments))
    counts, expected = (np.zeros(16 * 9 * 256, np.uint32) for _ in range(2))
    view = native.RansBands(*arguments, LANES[plan.layout])
    assert library.wcz_rans_count(packed.tobytes(), ctypes.byref(described), ctypes.c_void_p(counts.ctypes.data)) == 0
    native.rans_count(packed, view, expected)
    assert (counts == expected).all()
    found, tables, merged, theirs = Contexts(), *(np.zeros(n, t) for n, t in ((20480, "u4"), (16, "u1"), (20480, "u4")))
    pointers = (ctypes.c_void_p(a.ctypes.data) for a in (counts, tables))
    assert library.wcz_rans_weigh(next(pointers), ctypes.byref(found), next(pointers)) == 0
    assert (found.choice, found.bits) == native.rans_weigh(counts, merged, theirs)
    assert bytes(found.merged) == merged.tobytes()
    assert (tables == theirs).all()
    frequencies = np.zeros((16, 5, 256), np.uint16)
    frequencies[:, :, :] = 2048 // 256
    out, start = ctypes.create_string_buffer(4 * len(packed)), ctypes.c_size_t()
    args = packed.tobytes(), ctypes.byref(described), frequencies.tobytes(), out, ctypes.c_size_t(len(out))
    assert library.wcz_rans_encode(*args, ctypes.byref(start)) == 0
    assert out.raw[start.value :] == native.rans_encode(packed, view, frequencies.ravel())
