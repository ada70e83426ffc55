"""float_planes: literal payloads, every dtype bit for bit, sizes on real weights, hostile payloads."""

import ml_dtypes
import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS, ArraySpec, reference
from wcodec.errors import PayloadError

CODER = CODERS["float_planes"]
DTYPES = [
    np.dtype(d)
    for d in (
        "f8", "f4", "f2", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2,
        "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?",
    )
]  # fmt: skip


def specs_of(arrays):
    return [ArraySpec(array.shape, array.dtype) for array in arrays]


def uint8(values):
    return np.array(values, np.uint8)


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ([], ""),
        ([np.zeros((0, 3), np.float32)], ""),
        # rotated left by one: 1.0 = 3f800000 -> 7f000000, -2.0 = c0000000 -> 80000001
        ([np.array([1, -2], np.float32)], "007f80" + "0100" + "0100" + "000001"),
        ([np.array(-1.5, ml_dtypes.bfloat16)], "017f" + "0181"),  # bfc0 -> 7f81
        ([np.array([0, -1, 1, -2], np.int16)], "0100" + "0000010203"),
        ([np.array([True, False])], "000100"),
        ([np.array([5], np.uint8), np.array([7], np.uint8), np.array([7], np.int8)], "000507" + "0107"),
    ],
)
def test_literal_payloads(arrays, code):
    assert CODER.encode(arrays).hex() == code
    decoded = CODER.decode(bytes.fromhex(code), specs_of(arrays))
    assert [a.tobytes() for a in decoded] == [a.tobytes() for a in arrays]
    assert specs_of(decoded) == specs_of(arrays)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_bit_pattern_comes_back(dtype):
    octets = np.random.default_rng(7).integers(0, 2 if dtype.kind == "b" else 256, 6 * 5 * dtype.itemsize, np.uint8)
    array = octets.view(dtype).reshape(2, 3, 5)
    arrays = [array, array[1], array[:0], array[0, 0, 0], array.T]
    decoded = CODER.decode(CODER.encode(arrays), specs_of(arrays))
    assert [a.tobytes() for a in decoded] == [a.tobytes() for a in arrays]
    assert specs_of(decoded) == specs_of(arrays)


def test_special_values_and_big_endian_arrays():
    patterns = np.array([0x7FC00001, 0xFFA00000, 0x80000000, 1, 0x807FFFFF, 0x7F800000], np.uint32)
    decoded = CODER.decode(CODER.encode([patterns.view(np.float32)]), [ArraySpec((6,), np.dtype(np.float32))])
    assert decoded[0].view(np.uint32).tolist() == patterns.tolist()
    swapped = np.array([1.5, -2.5], ">f4")
    assert CODER.encode([swapped]) == CODER.encode([swapped.astype("=f4")])


def test_kernels_agree_on_planes():
    rng = np.random.default_rng(8)
    for _ in range(60):
        count = int(rng.choice([0, 1, 2, 5, 40, 300, 3000]))
        plane = np.clip(rng.laplace(128, rng.choice([0.1, 1, 5, 50]), count), 0, 255).astype(np.uint8)
        payload = native.plane_encode(plane)
        assert reference.plane_encode(plane) == payload
        for kernel in (native, reference):
            out = np.empty_like(plane)
            assert kernel.plane_decode(payload + b"rest", out) == len(payload)
            assert (out == plane).all()


def test_blocks_are_coded_apart(kernel):
    plane = np.repeat(uint8([3, 9]), [65536, 1])
    assert kernel.plane_encode(plane).hex() == "0103" + "0109"


@pytest.mark.parametrize(
    ("name", "dtype", "most"),
    [
        ("resnet20", np.float32, 0.8395),
        ("resnet20", ml_dtypes.bfloat16, 0.6785),
        ("resnet20", np.float16, 0.8635),
        ("resnet56", np.float32, 0.8410),
        ("rwkv_tiny_5v2-730K_fp32", np.float32, 0.8315),
        ("rwkv_tiny_5v2-730K_fp16", np.float16, 0.8485),
    ],
)
def test_sizes_on_real_weights(data, name, dtype, most):
    load_file = pytest.importorskip("safetensors.numpy", reason="needs safetensors").load_file
    tensors = load_file(data / "models" / f"{name}.safetensors").values()
    arrays = [tensor.astype(dtype) for tensor in tensors if tensor.dtype.kind == "f" and tensor.ndim]
    payloads = [CODER.encode([array]) for array in arrays]
    assert sum(map(len, payloads)) <= most * sum(array.nbytes for array in arrays)
    for array, payload in zip(arrays, payloads, strict=True):
        assert CODER.decode(payload, specs_of([array]))[0].tobytes() == array.tobytes()


def test_float32_that_is_bfloat16_costs_no_more():
    narrow = np.random.default_rng(9).normal(0, 0.02, 100_000).astype(ml_dtypes.bfloat16)
    assert len(CODER.encode([narrow.astype(np.float32)])) <= 1.01 * len(CODER.encode([narrow]))


@pytest.mark.parametrize(
    ("code", "count", "rule"),
    [
        ("", 1, "ends"),
        ("00", 1, "ends"),
        ("01", 1, "ends"),
        ("03", 1, "no encoder"),
        ("02", 1, "ends"),
        ("0205", 1, "ends"),
        ("020505ff", 1, "no encoder"),  # first = last symbol: a block of one symbol is constant
        ("020504" + "00" * 16, 1, "no encoder"),  # last below first
        ("0200ff" + "ff" * 32, 1, "no encoder"),  # all frequencies 0
    ],
)
def test_hostile_planes(kernel, code, count, rule):
    with pytest.raises(PayloadError, match=rule):
        kernel.plane_decode(bytes.fromhex(code), np.empty(count, np.uint8))


def test_damage_to_a_coded_block_is_noticed(kernel):
    """Lanes must come back to where the encoder started: a flipped bit goes unseen once in 2**64."""
    plane = np.random.default_rng(10).poisson(2, 600).astype(np.uint8)
    payload = native.plane_encode(plane)
    assert payload[0] == 2
    for bit in range(8 * 40, 8 * len(payload), 97):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PayloadError):
            kernel.plane_decode(bytes(damaged), np.empty_like(plane))
    with pytest.raises(PayloadError):
        kernel.plane_decode(payload, np.empty(599, np.uint8))


def test_payload_must_end_with_the_last_plane():
    with pytest.raises(PayloadError, match="follow"):
        CODER.decode(CODER.encode([np.float32([1])]) + b"\0", [ArraySpec((1,), np.dtype(np.float32))])


def test_a_boolean_is_0_or_1():
    with pytest.raises(PayloadError, match="boolean"):
        CODER.decode(b"\1\2", [ArraySpec((3,), np.dtype(bool))])
