"""float_planes: literal payloads, every dtype bit for bit, sizes on real weights, hostile payloads."""

from functools import partial

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


DECODERS = {
    "portable": partial(native.plane_decode, path="portable"),
    "fastest": native.plane_decode,
    "reference": reference.plane_decode,
}


def skewed(rng, count):
    return np.clip(rng.laplace(128, rng.choice([0.1, 1, 5, 50]), count), 0, 255).astype(np.uint8)


def test_kernels_agree_on_planes():
    rng = np.random.default_rng(8)
    for _ in range(60):
        width = int(rng.choice([1, 2, 4, 8]))
        fold = int(rng.choice(3)) if width > 1 else 0
        octets = skewed(rng, width * int(rng.choice([0, 1, 2, 5, 40, 300, 3000])))
        payload = native.plane_encode(octets, width, fold)
        assert reference.plane_encode(octets, width, fold) == payload
        for decode in DECODERS.values():
            out = np.empty_like(octets)
            assert decode(payload + b"rest", width, fold, out) == len(payload)
            assert (out == octets).all()


@pytest.mark.parametrize("count", [32767, 32768, 32799, 65536 + 32769])
def test_kernels_agree_on_32_lanes(count):
    plane = np.random.default_rng(count).poisson(2, count).astype(np.uint8)
    payload = native.plane_encode(plane, 1, 0)
    assert reference.plane_encode(plane, 1, 0) == payload
    for decode in DECODERS.values():
        out = np.empty_like(plane)
        assert decode(payload, 1, 0, out) == len(payload)
        assert (out == plane).all()


def test_short_planes_have_four_lanes(kernel):
    """What each lane costs: its state. Two equally frequent symbols take a bit each, a word for sixteen in a lane."""
    sizes = [len(kernel.plane_encode(np.resize(uint8([0, 1]), count), 1, 0)) for count in (32766, 32768)]
    table = 1 + 2 + 6  # form, first and last symbol, two gammas of 2049: 23 bits each
    assert sizes == [table + 4 * 4 + 2 * (2 * 512 + 2 * 511), table + 4 * 32 + 2 * 32 * 64]


def test_blocks_are_coded_apart(kernel):
    words = np.repeat(np.array([0x0903, 0x0709], np.uint16), [65536, 1])
    assert kernel.plane_encode(words.view(np.uint8), 2, 0).hex() == "0109" + "0103" + "0107" + "0109"


def test_planes_that_gain_little_stay_raw(kernel):
    """An encoder may leave a gain of 1 %; without the estimate's error this plane would be coded."""
    plane = np.random.default_rng(11).permutation(np.resize(np.arange(251, dtype=np.uint8), 20_000))
    assert kernel.plane_encode(plane, 1, 0) == b"\0" + plane.tobytes()


@pytest.mark.parametrize(
    ("size", "width", "fold", "path"),
    [
        (3, 2, 0, "fastest"),
        (3, 1, 1, "fastest"),
        (6, 3, 0, "fastest"),
        (4, 4, 3, "fastest"),
        (4, 4, -1, "fastest"),
        (4, 4, 1, "other"),
    ],
)
def test_the_binding_refuses_other_elements(size, width, fold, path):
    with pytest.raises(ValueError, match="outside its range"):
        native.plane_decode(b"\1\0" * 8, width, fold, np.empty(size, np.uint8), path)


def test_the_binding_refuses_misaligned_elements():
    with pytest.raises(ValueError, match="outside its range"):
        native.plane_encode(np.zeros(9, np.uint8)[1:], 8, 0)


def test_decoded_arrays_may_be_written_apart():
    arrays = [np.zeros(3, np.float32), np.ones(2, np.float32)]
    first, second = CODER.decode(CODER.encode(arrays), specs_of(arrays))
    first[:] = 7
    assert second.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "dtype", "most"),
    [
        ("resnet20", np.float32, 0.8400),
        ("resnet20", ml_dtypes.bfloat16, 0.6790),
        ("resnet20", np.float16, 0.8640),
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
@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
def test_hostile_planes(decode, code, count, rule):
    with pytest.raises(PayloadError, match=rule):
        decode(bytes.fromhex(code), 1, 0, np.empty(count, np.uint8))


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS)
@pytest.mark.parametrize(("count", "stride"), [(600, 97), (33_000, 40_009)])
def test_damage_to_a_coded_plane_is_noticed(decode, count, stride):
    """Lanes must come back to where the encoder started: a flipped bit goes unseen once in 2**64 and less."""
    plane = np.random.default_rng(10).poisson(2, count).astype(np.uint8)
    payload = native.plane_encode(plane, 1, 0)
    assert payload[0] == 2
    for bit in range(8 * 40, 8 * len(payload), stride):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PayloadError):
            decode(bytes(damaged), 1, 0, np.empty_like(plane))
    with pytest.raises(PayloadError):
        decode(payload, 1, 0, np.empty(count - 1, np.uint8))
    for cut in (1, 2, 64, 66, len(payload) // 2):
        with pytest.raises(PayloadError):
            decode(payload[:-cut], 1, 0, np.empty_like(plane))


def test_payload_must_end_with_the_last_plane():
    with pytest.raises(PayloadError, match="follow"):
        CODER.decode(CODER.encode([np.float32([1])]) + b"\0", [ArraySpec((1,), np.dtype(np.float32))])


def test_a_boolean_is_0_or_1():
    with pytest.raises(PayloadError, match="boolean"):
        CODER.decode(b"\1\2", [ArraySpec((3,), np.dtype(bool))])
