"""rans: literal bytes, the traps of its design, all ways of decoding, hostile payloads, scaled output."""

from typing import Any

import numpy as np
import pytest

import wcodec._native as native
from wcodec import backend
from wcodec.coders import CODERS, ArraySpec, find_coder, reference
from wcodec.coders.rans import SERIAL_ELEMENTS
from wcodec.coders.rans_control import Control, Geometry, Model, add_serial
from wcodec.coders.rans_plan import KERNEL, LANES, LEFT, LINE, NONE, SECOND, UP, make_plan, near_columns
from wcodec.coders.rans_tables import CODED, TOTAL, ZERO, code_of, fit_tables
from wcodec.errors import SymbolError

RANS = CODERS["rans"]
PATHS = ["portable", "fastest"]
INT32_MAX = 2**31 - 1


def int32(values: Any) -> np.ndarray:
    return np.array(values, np.int32)


def spec_of(array: np.ndarray) -> ArraySpec:
    return ArraySpec(array.shape, array.dtype)


def decoders(payload: bytes) -> list[Any]:
    return [*(native.RansDecoder(payload, path) for path in PATHS), reference.RansDecoder(payload)]


def read_all(decoder: Any, arrays: list[np.ndarray]) -> list[np.ndarray]:
    out = []
    for array in arrays:
        symbols = np.full(array.size, 77, np.int32)
        if array.size:
            decoder.read_symbols(tuple(Geometry.of(array.shape)), symbols)
        out.append(symbols.reshape(array.shape))
    decoder.close()
    return out


def assert_all_agree(arrays: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Both kernels write the same bytes, every decoder reads the arrays back; the bytes."""
    payloads = []
    for kernel in (native, reference):
        monkeypatch.setattr(backend, "kernel", kernel)
        payloads.append(RANS.encode(arrays))
    monkeypatch.undo()
    assert payloads[0] == payloads[1]
    if payloads[0]:
        for decoder in decoders(payloads[0]):
            for array, decoded in zip(arrays, read_all(decoder, arrays), strict=True):
                assert np.array_equal(array, decoded)
    return payloads[0]


def sparse_matrix() -> np.ndarray:
    matrix = np.zeros((16, 128), np.int32)
    matrix[:, ::7] = 1
    matrix[2, 3] = -1
    matrix[4, 70] = 300
    return matrix


def random_array(rng: np.random.Generator) -> np.ndarray:
    """Any rank and rate, with and without structure; about half of them large enough for tables."""
    shape = [
        lambda: (),
        lambda: (int(rng.integers(0, 40)),),
        lambda: (int(rng.integers(900, 3000)),),
        lambda: (int(rng.integers(8, 60)), int(rng.integers(17, 80))),
        lambda: (int(rng.integers(8, 40)), int(rng.integers(1, 12)), 3, 3),
        lambda: (int(rng.integers(32, 70)), int(rng.integers(1, 4)), 1, int(rng.integers(5, 20))),
        lambda: (int(rng.integers(1, 8)), int(rng.integers(100, 600))),
    ][rng.integers(7)]()
    values = rng.laplace(0, rng.choice([0.05, 0.4, 1, 4, 30, 300, 1e8]), shape)
    if len(shape) >= 2:
        values = values * np.exp(rng.normal(0, rng.choice([0, 1]), (shape[0],) + (1,) * (len(shape) - 1)))
        values = values * np.exp(rng.normal(0, rng.choice([0, 1]), shape[1:]))
        if rng.random() < 0.3:
            values = np.cumsum(values, -1) / 2
    return np.clip(np.rint(values), -INT32_MAX, INT32_MAX).astype(np.int32)


# -- literal bytes ---------------------------------------------------------------------------------------------------

LITERALS = [
    ([], ""),
    ([int32([])], ""),
    ([int32(5)], "0172"),
    ([int32([0])], "00"),
    ([int32([0, 0, 3, 0, -1, 5, 0, 0, 0, 0])], "043374ae91"),
    ([int32([INT32_MAX, -INT32_MAX])], "107ffffffe7ffffffefffffffefffffffe"),
    ([int32([[1, -1], [1, -1]])], "024b53"),
    ([np.zeros((8, 128), np.int32)], "00"),
    (
        [int32([2, -2]), sparse_matrix()],
        (
            "30633bb3d15a2145c65cd3e4758de5517b8079d0c3fb952900060447f1e891b113f18261950c95b4f46868ea5b803b43bd"
            "3c1d01000cbae808fc5e35003c1d01003c1d01003c1d01003c1d01003c1d0100"
        ),
    ),
]


@pytest.mark.parametrize(("arrays", "code"), LITERALS)
def test_literal_payloads(arrays: list[np.ndarray], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert assert_all_agree(arrays, monkeypatch).hex() == code
    decoded = RANS.decode(bytes.fromhex(code), [spec_of(a) for a in arrays])
    assert [a.tolist() for a in decoded] == [a.tolist() for a in arrays]


def test_registry_number() -> None:
    assert find_coder(5) is RANS


def test_adaptive_integers_in_literal_bytes(kernel: Any) -> None:
    models = np.array([0, 7, 7, 18, 7], np.uint8)
    values = int32([3, -1, 0, INT32_MAX, 200])
    assert kernel.adaptive_encode(models, values).hex() == "da5557feffaaa7ffff55271b"
    assert kernel.adaptive_encode(models[:0], values[:0]) == b""
    with pytest.raises(ValueError, match="outside its range"):
        kernel.adaptive_encode(np.array([37], np.uint8), int32([0]))


# -- parts -----------------------------------------------------------------------------------------------------------


def test_frequency_codes_have_three_significant_bits() -> None:
    assert CODED[:20].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56]
    assert (len(CODED), CODED[-1]) == (41, TOTAL)
    assert code_of(np.array([0, 7, 8, 9, 13, 2047, 2048])).tolist() == [0, 7, 8, 8, 10, 39, 40]


def test_the_rest_goes_to_the_commonest_symbol_though_its_frequency_has_no_code() -> None:
    counts = np.zeros((3, 256), np.int64)
    counts[0, [ZERO - 1, ZERO, ZERO + 1]] = [90, 900, 117]
    counts[1, ZERO + 5] = 3
    tables = fit_tables(counts)
    assert tables.rest.tolist() == [ZERO, ZERO + 5, ZERO]
    assert tables.frequencies[0, [ZERO - 1, ZERO, ZERO + 1]].tolist() == [160, 1664, 224]
    assert tables.frequencies[1:, [ZERO, ZERO + 5]].tolist() == [[0, 2048], [2048, 0]]
    assert (tables.frequencies.sum(axis=1) == TOTAL).all()


def test_many_rare_symbols_leave_something_for_the_rest() -> None:
    counts = np.ones((1, 256), np.int64)
    counts[0, :2] = 10**6, 10**6 - 1
    tables = fit_tables(counts)
    assert tables.frequencies.sum() == TOTAL
    assert tables.frequencies.min() == 1


def test_neighbours_of_a_kernel_of_two_lines_of_three() -> None:
    view = Geometry(4, 2, 6, 3)
    assert near_columns(NONE, view).tolist() == [-1] * 12
    assert near_columns(UP, view).tolist() == list(range(12))
    assert near_columns(LEFT, view).tolist() == [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert near_columns(SECOND, view).tolist() == [-1, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert near_columns(KERNEL, view).tolist() == [-1, 0, 1, 0, 3, 4, 0, 6, 7, 6, 9, 10]
    assert near_columns(LINE, view).tolist() == [-1, -1, -1, 0, 1, 2, 0, 1, 2, 6, 7, 8]


def test_cheapest_path(kernel: Any) -> None:
    costs = np.full((4, 16), 90, np.int32)
    costs[[0, 1, 2, 3], [8, 10, 8, 3]] = 0
    moves = np.arange(0, 160, 10, dtype=np.int32)
    path = np.empty(4, np.uint8)
    kernel.rans_smooth(costs, moves, path)
    assert path.tolist() == [8, 10, 8, 3]
    kernel.rans_smooth(costs, 9 * moves, path)
    assert path.tolist() == [8, 8, 8, 8]


# -- traps -----------------------------------------------------------------------------------------------------------


def test_an_escaped_neighbour_counts_as_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    signs = np.repeat(rng.choice([-1, 1], (16, 210)), 5, axis=1)
    matrix = int32(signs * rng.choice([1, 2, 3, 3, 2, 1, 2, 127, 128, 1000], signs.shape))
    assert matrix.size > SERIAL_ELEMENTS
    assert_all_agree([matrix], monkeypatch)
    plan, packed = make_plan(matrix.ravel(), Geometry.of(matrix.shape))
    assert plan.near != (NONE, NONE)
    assert (packed == -128).any()


def test_a_kernel_of_256_taps(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    assert_all_agree([int32(np.rint(rng.laplace(0, 2, (34, 1, 256)) * np.hanning(256)))], monkeypatch)


def test_the_largest_symbols_are_escapes_in_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.zeros((32, 64), np.int32)
    matrix[5, :4] = INT32_MAX, -INT32_MAX, 128, -128
    matrix[6, :2] = 127, -127
    assert_all_agree([matrix], monkeypatch)


@pytest.mark.parametrize("rows", [8, 9, 15, 16, 17, 63])
def test_bands_that_end_early_cost_nothing(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_all_agree([int32(np.ones((rows, 130)))], monkeypatch)
    assert len(RANS.encode([int32(np.ones((rows, 130)))])) < 16 + 4 * LANES[1]


def test_thirty_two_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    for shape in ((33, 2000), (70001,), (5, 14000), (9, 8000)):
        array = int32(np.rint(rng.laplace(0, 0.3, shape)))
        payload = RANS.encode([array])
        for path in PATHS:
            assert np.array_equal(read_all(native.RansDecoder(payload, path), [array])[0], array)
    assert make_plan(array.ravel(), Geometry.of(array.shape))[0].layout == 1  # nine rows: a lane each, no flat view


def test_int32_min_is_refused() -> None:
    with pytest.raises(SymbolError):
        RANS.encode([int32([-(2**31)])])


# -- agreement -------------------------------------------------------------------------------------------------------


def agree(first: int, last: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(first, last):
        rng = np.random.default_rng(seed)
        assert_all_agree([random_array(rng) for _ in range(2)], monkeypatch)


def test_both_kernels_and_all_paths_agree_on_random_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    agree(0, 12, monkeypatch)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", range(0, 5000, 250))
def test_they_agree_on_ten_thousand(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    agree(first, first + 250, monkeypatch)


def test_real_tensors(data: Any) -> None:
    for name in ("resnet20_z90", "silero_z60"):
        with np.load(data / "ints" / f"{name}.npz") as file:
            arrays = [file[key].astype(np.int32) for key in file.files]
        payload = RANS.encode(arrays)
        for path in PATHS:
            decoded = read_all(native.RansDecoder(payload, path), arrays)
            assert all(np.array_equal(a, b) for a, b in zip(arrays, decoded, strict=True))


# -- scaled and narrow output ----------------------------------------------------------------------------------------

SCALED_SHAPES = [(40, 37), (33, 5, 3, 3), (9, 300), (5, 400), (3000,), (7,)]


@pytest.mark.parametrize("shape", SCALED_SHAPES)
@pytest.mark.parametrize("decoder", range(3), ids=["portable", "fastest", "reference"])
def test_scaled_output_is_one_multiplication(shape: tuple[int, ...], decoder: int) -> None:
    rng = np.random.default_rng(4)
    array = int32(np.rint(rng.laplace(0, 60, shape)))
    payload = RANS.encode([array])
    rows = shape[0] if len(shape) > 1 else 1
    for steps in (np.float32([0.1]), rng.random(rows).astype(np.float32)):
        out = np.empty(array.size, np.float32)
        decoders(payload)[decoder].read_scaled(tuple(Geometry.of(shape)), steps, out)
        expected = array.reshape(rows, -1).astype(np.float32) * steps[:, None]
        assert out.tobytes() == expected.tobytes()


def test_decode_scaled_asks_for_steps_before_each_array() -> None:
    codes, weight = int32([3, -1]), sparse_matrix()
    payload = RANS.encode([codes, weight])
    seen = []

    def steps_of(done: list[np.ndarray]) -> np.ndarray | None:
        seen.append([array.tolist() for array in done])
        return np.float32([0.25]) if done else None

    decoded = RANS.decode_scaled(payload, [spec_of(codes), spec_of(weight)], steps_of)
    assert seen == [[], [[3, -1]]]
    assert decoded[0].tolist() == [3, -1]
    assert decoded[1].tobytes() == (weight * np.float32(0.25)).astype(np.float32).tobytes()


@pytest.mark.parametrize("decoder", range(3), ids=["portable", "fastest", "reference"])
def test_narrow_output(decoder: int) -> None:
    matrix = sparse_matrix()
    payload, shape = RANS.encode([matrix]), tuple(Geometry.of(matrix.shape))
    out16 = np.empty(matrix.size, np.int16)
    decoders(payload)[decoder].read_symbols(shape, out16)
    assert np.array_equal(out16, matrix.ravel())
    with pytest.raises(SymbolError):
        decoders(payload)[decoder].read_symbols(shape, np.empty(matrix.size, np.int8))
    matrix[4, 70] = 100
    out8 = np.empty(matrix.size, np.int8)
    decoders(RANS.encode([matrix]))[decoder].read_symbols(shape, out8)
    assert np.array_equal(out8, matrix.ravel())


def test_serial_symbols_are_relative_to_their_predecessors() -> None:
    control = Control()
    add_serial(control, int32([3, 3, 2, -1, -4, 0, 0]), 1)
    assert np.concatenate(control._values).tolist() == [3, 3, 2, -1, 4, 0, 0]
    assert (np.concatenate(control._models) - Model.VECTOR).tolist() == [0, 6, 8, 8, 5, 7, 2]
