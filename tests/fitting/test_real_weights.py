"""What the methods reach on weights of real networks. The published figures stand beside each."""

import itertools

import numpy as np
import pytest

import wcodec
from wcodec.factorizations import (
    CP,
    BlockSparse,
    HierarchicalTucker,
    KMeans,
    LowRank,
    ProductQuantization,
    RandomProjection,
    SimHash,
    TensorRing,
    TensorTrain,
    TProduct,
    Tucker2,
)
from wcodec.factorizations.decompositions import truncated_svd
from wcodec.fitting.dictionary_learning import learn
from wcodec.fitting.ranks import evbmf_rank


def tail(matrix, rank):
    """Relative error of the best matrix of a rank."""
    singular = np.linalg.svd(matrix, compute_uv=False)
    return np.sqrt(np.square(singular[rank:]).sum() / np.square(singular).sum())


# -- a convolution of ResNet-20 ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rank", "published", "numbers"), [(21, 0.644, 13440), (32, 0.503, 20480)])
def test_svd_of_a_convolution_is_the_best_of_its_rank(kernel, error, rank, published, numbers):
    low_rank = LowRank(kernel.shape, rank)
    found = error(low_rank, kernel)
    assert abs(found - tail(kernel.reshape(-1, 64), rank)) < 1e-6
    assert abs(found - published) < 1e-3
    assert sum(int(np.prod(shape)) for shape in low_rank.factor_shapes.values()) == numbers


@pytest.mark.parametrize(("rank", "published", "numbers"), [(22, 0.757, 7172), (32, 0.634, 13312)])
def test_tucker2(kernel, error, rank, published, numbers):
    tucker = Tucker2(kernel.shape, rank, rank)
    assert error(tucker, kernel) <= published
    assert sum(int(np.prod(shape)) for shape in tucker.factor_shapes.values()) == numbers


@pytest.mark.parametrize(("rank", "published", "numbers"), [(21, 0.834, 2814), (64, 0.608, 8576)])
def test_cp(kernel, error, rank, published, numbers):
    cp = CP(kernel.shape, rank)
    assert error(cp, kernel) <= published
    assert sum(int(np.prod(shape)) for shape in cp.factor_shapes.values()) == numbers


def test_evbmf_finds_ranks_to_use(kernel):
    pytest.importorskip("scipy", reason="EVBMF needs the extra factor")
    ranks = [evbmf_rank(np.moveaxis(kernel, axis, 0).reshape(64, -1)) for axis in (2, 3)]
    assert ranks == [5, 9]
    Tucker2(kernel.shape, *ranks)
    noise = np.random.default_rng(0).normal(size=(64, 576))
    assert evbmf_rank(noise) == 1
    signal = np.random.default_rng(1).normal(size=(64, 7)) @ np.random.default_rng(2).normal(size=(7, 576))
    assert evbmf_rank(signal + 0.5 * noise) == 7
    assert [evbmf_rank(np.zeros((3, 4))), evbmf_rank(np.ones((1, 1)))] == [1, 1]


@pytest.mark.parametrize(
    "make",
    [
        lambda shape: TensorTrain.with_rank(shape, 10**6, 4),
        lambda shape: TensorRing.with_rank(shape, 10**6),
        lambda shape: HierarchicalTucker.with_rank(shape, 10**6),
        lambda shape: Tucker2(shape, 64, 64),
        lambda shape: TProduct(shape, 64),
    ],
    ids=["tensor_train", "tensor_ring", "hierarchical_tucker", "tucker2", "t_product"],
)
def test_exact_at_full_rank(kernel, error, make):
    assert error(make(kernel.shape), kernel) < 1e-10


# -- a dense layer of LeNet-300-100 --------------------------------------------------------------------------------


@pytest.mark.parametrize(("rank", "published", "share"), [(8, 0.898, 0.046), (16, 0.729, 0.179), (24, 0.539, 0.400)])
def test_tensor_train(fc1, error, rank, published, share):
    """The published errors are of the weights before they were put in steps, whose error is .12."""
    train = TensorTrain((784, 300), (7, 16, 7), (5, 10, 6), (rank, rank))
    assert abs(error(train, fc1) - published) < 0.015
    numbers = sum(int(np.prod(shape)) for shape in train.factor_shapes.values())
    assert abs(numbers / fc1.size - share) < 1e-3


@pytest.mark.parametrize("rank", [1, 70, 299, 300])
def test_eckart_and_young(fc1, error, rank):
    assert abs(error(LowRank(fc1.shape, rank), fc1) - tail(fc1, rank)) < 1e-6


def test_the_randomized_svd_is_as_good(fc1):
    """On a big matrix whose singular values fall as those of a layer do."""
    rng = np.random.default_rng(0)
    singular = np.linalg.svd(fc1, compute_uv=False)
    left, right = (np.linalg.qr(rng.normal(size=(2100, 300)))[0] for _ in range(2))
    u, s, vt = truncated_svd((left * singular) @ right.T, 40)
    assert np.abs(s - singular[:40]).max() < 1e-3 * singular[0]
    best = np.sqrt(np.square(singular[40:]).sum())
    assert np.linalg.norm((u * s) @ vt - (left * singular) @ right.T) < 1.001 * best


def test_dictionary_learning_beats_the_svd_of_as_many_numbers(fc1):
    """150 atoms, 20 a row, 6 iterations. These weights are multiples of a coarse step, which no dictionary finds."""
    learned = learn(fc1, 150, 20, iterations=6)
    assert all(a >= b for a, b in itertools.pairwise(learned.errors))
    assert learned.errors[-1] < 0.335
    assert learned.errors[-1] < 0.9 * tail(fc1, 70)


def test_codebooks_and_projections_in_order_of_their_error(fc1, error):
    pytest.importorskip("sklearn", reason="codebooks of blocks need the extra factor")
    four_bits = error(KMeans(fc1.shape, 16), fc1)
    two_bits = error(ProductQuantization(fc1.shape, 256, 4), fc1)
    one_bit = error(SimHash(fc1.shape, 784), fc1)
    assert four_bits < 0.13
    assert two_bits < 0.33
    assert four_bits < two_bits < one_bit  # simhash loses against a codebook
    assert error(SimHash(fc1.shape, 4 * 784), fc1) > two_bits  # at equal bits too: 4 a weight
    assert error(LowRank(fc1.shape, 150), fc1) < error(RandomProjection(fc1.shape, 150), fc1)


@pytest.mark.parametrize(("block", "most"), [((4, 4), 0.7), ((1, 8), 0.65)])
def test_a_mask_of_blocks_costs_less_than_a_bit_a_block(fc1, block, most):
    """At 80 %; as coin flips .72 bits. A mask of single weights took 1.93 a block of 4 x 4."""
    rows, columns = BlockSparse(fc1.shape, *block, 0).grid
    sparse = BlockSparse(fc1.shape, *block, round(rows * columns * 0.2))
    mask = sparse.fit(fc1)["mask"]
    assert 8 * wcodec.encode({"mask": mask}, coder="context").nbytes / mask.size < most
