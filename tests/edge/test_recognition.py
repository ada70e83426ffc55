"""Weights that were pruned or clustered elsewhere are recognised and written as that."""

import gzip

import numpy as np
import pytest

import wcodec
from wcodec.plan.recognition import structured_forms


def gaussian(shape=(128, 96), dtype=np.float32, seed=0):
    return (np.random.default_rng(seed).normal(size=shape) * 0.1).astype(dtype)


def pruned(share=0.9, **options):
    weight = gaussian(**options)
    weight[np.abs(weight) < np.quantile(np.abs(weight), share)] = 0
    return weight


def clustered(levels=16, **options):
    weight = gaussian(**options)
    codebook = np.linspace(-0.3, 0.3, levels).astype(weight.dtype)
    return codebook[np.abs(weight[..., None] - codebook).argmin(axis=-1)]


def encoded(weight, **options):
    report = wcodec.encode({"w": weight}, **options)
    return report.rows[0].kind, report.nbytes, wcodec.decode(report.data)["w"]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_clustered_weight_is_exact_and_small_without_being_asked(dtype):
    weight = clustered(dtype=dtype)
    for options in ({}, {"lossless": True}):
        kind, nbytes, decoded = encoded(weight, **options)
        assert kind == "kmeans"
        assert decoded.dtype == weight.dtype
        np.testing.assert_array_equal(decoded, weight)
        assert nbytes < weight.size * 4 / 8 + 200  # 16 levels
        assert nbytes < len(gzip.compress(weight.tobytes(), 9))


def test_a_pruned_weight_is_a_mask_and_its_values():
    weight = pruned()
    kind, nbytes, decoded = encoded(weight, lossless=True)
    assert kind == "sparse"
    np.testing.assert_array_equal(decoded.view(np.uint32), weight.view(np.uint32))
    assert nbytes < 0.75 * len(gzip.compress(weight.tobytes(), 9))
    kind, near, decoded = encoded(weight)
    assert ((decoded == 0) >= (weight == 0)).all()
    assert np.square(decoded - weight).mean() < 2.1e-5 * np.square(weight).mean()  # 46.9 dB
    assert near < nbytes / 2


def test_negative_zero_comes_back():
    weight = pruned()
    weight[3, 5] = -0.0
    for made in (weight, np.where(weight > 0, np.float32(0.25), weight * 0)):
        _, _, decoded = encoded(made, lossless=True)
        np.testing.assert_array_equal(decoded.view(np.uint32), made.view(np.uint32))


def test_the_sign_of_a_zero_costs_nothing_unless_every_bit_counts():
    signed = pruned() * np.sign(gaussian(seed=7))  # as weight * mask leaves it
    plain = signed + np.float32(0)
    assert encoded(signed)[1] == encoded(plain)[1]
    assert encoded(signed, lossless=True)[1] > encoded(plain, lossless=True)[1]


def test_a_mask_of_blocks_costs_less_than_a_bit_a_block():
    # 64 x 64 blocks of 4 x 4, a fifth of them kept: .72 bits of entropy a block, 370 bytes.
    blocks = np.random.default_rng(1).random((64, 64)) < 0.2
    mask = np.kron(blocks, np.ones((4, 4), bool))
    weight = np.where(mask, gaussian((256, 256)), np.float32(0))
    values = wcodec.encode({"w": weight[mask].reshape(1, -1)}, lossless=True).nbytes
    kind, nbytes, decoded = encoded(weight, lossless=True)
    assert kind == "block_sparse"
    np.testing.assert_array_equal(decoded.view(np.uint32), weight.view(np.uint32))
    assert nbytes - values < 0.8 * blocks.size / 8


def test_blocks_over_both_edges_are_found():
    mask = np.kron(np.random.default_rng(1).random((43, 40)) < 0.3, np.ones((3, 5), bool))[:127, :196]
    weight = np.where(mask, gaussian((127, 196)), np.float32(0))
    (form,) = [form for form in structured_forms(weight) if form.factorization.kind == "block_sparse"]
    assert (form.factorization.height, form.factorization.width) == (3, 5)
    np.testing.assert_array_equal(form.factorization.reconstruct(form.factors), weight)
    np.testing.assert_array_equal(encoded(weight, lossless=True)[2], weight)


@pytest.mark.parametrize(
    "weight",
    [
        gaussian(),
        pruned(0.2),
        clustered(shape=(8, 8)),
        np.zeros((0, 5), np.float32),
        np.arange(8192, dtype=np.int32).reshape(64, 128) % 4,
        np.full((64, 128), np.nan, np.float32),
        gaussian(dtype=np.float64),
    ],
    ids=["dense", "few zeros", "small", "empty", "integers", "nan", "float64"],
)
def test_others_stay_dense(weight):
    assert structured_forms(weight) == []
    assert encoded(weight, lossless=True)[0] == "dense"


def test_what_only_looks_clustered_stays_dense():
    weight = np.tile(gaussian((1, 8)), (8192, 64))  # the sample meets one column
    weight += np.arange(weight.size, dtype=np.float32).reshape(weight.shape) * (np.arange(512) % 64 != 0)
    assert encoded(weight, lossless=True)[0] == "dense"


def test_the_users_choice_and_a_rate_go_first():
    from wcodec.factorizations import Dense

    assert encoded(clustered(), factorizations={"w": Dense})[0] == "dense"
    assert encoded(clustered(), bits_per_weight=2.0)[0] == "dense"
