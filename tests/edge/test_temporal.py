"""The coder of round messages: both kernels are one model, and know what they refuse."""

import hashlib

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import reference
from wcodec.errors import PayloadError, SymbolError

LAYOUT = [(4, 9, 2), (1, 7, 0), (20, 30, 1)]
SIZE = sum(rows * columns for rows, columns, _ in LAYOUT)


GOLDEN = ([33, 34, 34], "c04c5e336c2f4033")
GOLDEN_PAIR = "cf53a4"


def blank():
    rows, columns = (sum(t[i] for t in LAYOUT) for i in (0, 1))
    return (
        np.zeros(SIZE, np.uint16), np.zeros(SIZE, np.int8), np.zeros(rows, np.uint32), np.zeros(columns, np.uint32),
        np.zeros(len(LAYOUT), np.uint32),
    )  # fmt: skip


def fresh(kernel):
    model = np.zeros(kernel.TEMPORAL_WORDS, np.uint32)
    kernel.temporal_start(model)
    return model


def messages(seed: int, count: int) -> list[np.ndarray]:
    """Sparse symbols whose places stay similar from message to message; a few are large."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.3, 0.2, SIZE)
    found = []
    for _ in range(count):
        q = rng.poisson(rates) * rng.choice([-1, 1], SIZE)
        q[rng.integers(SIZE)] = rng.choice([40, -300, 2**31 - 1, -(2**31 - 1)])
        found.append(q.astype(np.int32))
    return found


def test_both_kernels_start_alike() -> None:
    assert native.TEMPORAL_WORDS == reference.TEMPORAL_WORDS == 3940
    np.testing.assert_array_equal(fresh(native), fresh(reference))


@pytest.mark.parametrize("memories", ["none", "broadcast", "both"])
def test_both_kernels_write_the_same_bytes_and_remember_the_same(memories: str) -> None:
    heard, said = blank(), blank()
    models = fresh(native), fresh(reference)
    for q in messages(1, 4):
        arguments = heard if memories != "none" else None, said if memories == "both" else None
        kept = models[0].copy()
        payload = native.temporal_encode(q, LAYOUT, *arguments, models[0])
        assert reference.temporal_encode(q, LAYOUT, *arguments, models[1]) == payload
        np.testing.assert_array_equal(*models)
        for kernel in (native, reference):
            model, out = kept.copy(), np.full(SIZE, 77, np.int32)
            kernel.temporal_decode(payload, LAYOUT, *arguments, model, out)
            np.testing.assert_array_equal(out, q)
            np.testing.assert_array_equal(model, models[0])
        twins = [tuple(a.copy() for a in said) for _ in range(2)]
        native.temporal_remember(q, LAYOUT, twins[0])
        reference.temporal_remember(q, LAYOUT, twins[1])
        for a, b in zip(*twins, strict=True):
            np.testing.assert_array_equal(a, b)
        heard, said = said, twins[0]


def test_the_bytes_are_golden(kernel) -> None:
    heard, model = blank(), fresh(kernel)
    sizes, sha = [], hashlib.sha256()
    for q in messages(2, 3):
        q[np.abs(q) > 1000] = 0
        payload = kernel.temporal_encode(q, LAYOUT, heard, None, model)
        kernel.temporal_remember(q, LAYOUT, heard)
        sizes.append(len(payload))
        sha.update(payload)
    assert (sizes, sha.hexdigest()[:16]) == GOLDEN
    assert kernel.temporal_encode(np.zeros(SIZE, np.int32), LAYOUT, None, None, fresh(kernel)) == b""
    one = np.zeros(SIZE, np.int32)
    one[0], one[50] = 1, -2
    assert kernel.temporal_encode(one, LAYOUT, None, None, fresh(kernel)).hex() == GOLDEN_PAIR


def test_what_was_said_before_makes_messages_smaller() -> None:
    with_memory, without = 0, 0
    heard, model = blank(), fresh(native)
    for q in messages(3, 12):
        q[np.abs(q) > 1000] = 0
        with_memory += len(native.temporal_encode(q, LAYOUT, heard, None, model))
        without += len(native.temporal_encode(q, LAYOUT, None, None, fresh(native)))
        native.temporal_remember(q, LAYOUT, heard)
    assert with_memory < 0.9 * without


def test_a_payload_that_no_encoder_writes_is_refused(kernel) -> None:
    q = messages(4, 1)[0]
    payload = kernel.temporal_encode(q, LAYOUT, None, None, fresh(kernel))
    for bad in (payload + b"\1", payload[: len(payload) // 2], b"\xff" * 8):
        model, out = fresh(kernel), np.zeros(SIZE, np.int32)
        with pytest.raises(PayloadError):
            kernel.temporal_decode(bad, LAYOUT, None, None, model, out)
        np.testing.assert_array_equal(model, fresh(kernel))  # nothing was learned from it


def test_arguments_that_do_not_fit_are_refused(kernel) -> None:
    q = np.zeros(SIZE, np.int32)
    with pytest.raises(ValueError, match="outside its range"):
        kernel.temporal_encode(q[:-1].copy(), LAYOUT, None, None, fresh(kernel))
    q[3] = -(2**31)
    with pytest.raises(SymbolError):
        kernel.temporal_encode(q, LAYOUT, None, None, fresh(kernel))


def test_the_native_kernel_checks_sizes() -> None:
    q = np.zeros(SIZE, np.int32)
    short = tuple(a[:-1].copy() for a in blank())
    with pytest.raises(ValueError, match="outside its range"):
        native.temporal_encode(q, LAYOUT, short, None, fresh(native))
    with pytest.raises(ValueError, match="outside its range"):
        native.temporal_encode(q, LAYOUT, None, None, fresh(native)[:-1].copy())
    for layout in ([(0, 5, 1)], [(1, 1, 3)], [(2**40, 2**40, 1)]):
        with pytest.raises(ValueError, match="outside its range"):
            native.temporal_decode(b"", layout, None, None, fresh(native), q)
