"""The kinds from 5 on in numbers: small literal weights, and what each method promises of its error."""

import itertools

import numpy as np
import pytest

from wcodec.errors import FactorizationError, OptionError
from wcodec.factorizations import (
    CP,
    BlockDiagonal,
    Dictionary,
    HierarchicalTucker,
    InputOutput,
    KMeans,
    LowRank,
    MixedBlock,
    RandomProjection,
    SimHash,
    SparseKMeans,
    TensorRing,
    TensorTrain,
    TLinear,
    TProduct,
    Tucker2,
)
from wcodec.factorizations.cosine import dct_matrix, t_product
from wcodec.factorizations.generator import generated_columns
from wcodec.factorizations.tensorized import balanced_extents
from wcodec.fitting.clustering import best_codebook
from wcodec.fitting.dictionary_learning import learn, pursue


def float32(values):
    return np.array(values, np.float32)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def error(factorization, weight):
    """Relative error; float64 of a float64 weight."""
    rebuilt = factorization.reconstruct(factorization.fit(weight))
    return float(np.linalg.norm(rebuilt - weight) / np.linalg.norm(weight))


# -- exact at full rank --------------------------------------------------------------------------------------------

MATRIX, KERNEL = (36, 30), (3, 3, 8, 6)


@pytest.mark.parametrize(
    "factorization",
    [
        LowRank(MATRIX, 30),
        TensorTrain.with_rank(MATRIX, 10**6),
        TensorTrain.with_rank((35, 29), 10**6, 4),
        TensorTrain.with_rank(KERNEL, 10**6),
        TensorRing.with_rank(MATRIX, 10**6),
        TensorRing.with_rank((35, 29), 10**6, 4),
        TensorRing.with_rank(KERNEL, 10**6, 2),
        HierarchicalTucker.with_rank(MATRIX, 10**6),
        HierarchicalTucker.with_rank((35, 29), 10**6, 5),
        HierarchicalTucker.with_rank(KERNEL, 10**6, 4),
        Tucker2(KERNEL, 8, 6),
        Tucker2(KERNEL, 3, 6, (0, 3)),
        InputOutput(MATRIX, 7, 7, 4, 4),
        MixedBlock(MATRIX, 20, 4, 5),
        RandomProjection(MATRIX[::-1], 30),
        TProduct(KERNEL, 6),
        BlockDiagonal(MATRIX, 1),
        TLinear(MATRIX, 1),
    ],
    ids=lambda f: f"{f.kind}-{f.shape}",
)
def test_exact_at_full_rank_in_float64(factorization):
    assert error(factorization, normal(*factorization.shape)) < 1e-10


# -- tensor networks -----------------------------------------------------------------------------------------------


def test_tensor_train_in_numbers():
    """W[(i1, i2), (j1, j2)] = core1[0, i1, j1, :] core2[:, i2, j2, 0]."""
    train = TensorTrain((4, 2), (2, 2), (2, 1), (2,))
    core1 = float32([[[[1, 0], [0, 1]], [[2, 1], [0, -1]]]])  # (1, 2, 2, 2)
    core2 = float32([[[[1]], [[3]]], [[[5]], [[7]]]])  # (2, 2, 1, 1)
    expected = [[1, 5], [3, 7], [2 * 1 + 5, -5], [2 * 3 + 7, -7]]
    assert train.reconstruct({"core1": core1, "core2": core2}).tolist() == expected


def test_tensor_ring_with_a_closing_rank_of_one_is_a_tensor_train():
    weight = normal(36, 30)
    train = TensorTrain((36, 30), (4, 3, 3), (2, 3, 5), (5, 6))
    ring = TensorRing((36, 30), (4, 3, 3), (2, 3, 5), (1, 5, 6))
    ours, theirs = ring.fit(weight), train.fit(weight)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert np.abs(ring.reconstruct(ours) - train.reconstruct(theirs)).max() < 1e-12


def test_tensor_ring_is_a_trace():
    ring = TensorRing((4, 4), (2, 2), (2, 2), (2, 2))
    factors = {"core1": normal(2, 2, 2, 2), "core2": normal(2, 2, 2, 2, seed=1)}
    rebuilt = ring.reconstruct(factors)
    for i1, i2, j1, j2 in itertools.product(range(2), repeat=4):
        product = factors["core1"][:, i1, j1] @ factors["core2"][:, i2, j2]
        assert abs(rebuilt[2 * i1 + i2, 2 * j1 + j2] - np.trace(product)) < 1e-12


def test_errors_keep_to_their_bounds():
    """TT-SVD: sqrt(d - 1) times the best; hierarchical SVD: sqrt(2 d - 3). The best is bounded by any one unfolding."""
    weight = normal(36, 30)
    train = TensorTrain((36, 30), (4, 3, 3), (2, 3, 5), (5, 6))
    tensor = train._tensor(weight)
    lost = [
        np.linalg.svd(tensor.reshape(train._sides(bond)), compute_uv=False)[train.ranks[bond - 1] :] for bond in (1, 2)
    ]
    bound = np.sqrt(sum(np.square(tail).sum() for tail in lost)) / np.linalg.norm(weight)
    assert max(np.linalg.norm(tail) for tail in lost) / np.linalg.norm(weight) - 1e-12 <= error(train, weight) <= bound
    tree = HierarchicalTucker((36, 30), (4, 3, 3), (2, 3, 5), (7, 6, 5, 6))
    modes = [tensor.reshape(72, 15), tensor.reshape(72, 15).T]
    modes += [np.moveaxis(tensor, axis, 0).reshape(tensor.shape[axis], -1) for axis in (0, 1)]
    tails = [np.linalg.svd(m, compute_uv=False)[rank:] for m, rank in zip(modes, tree.ranks, strict=True)]
    bound = np.sqrt(sum(np.square(tail).sum() for tail in tails)) / np.linalg.norm(weight)
    assert error(tree, weight) <= bound


@pytest.mark.parametrize(
    ("extent", "count", "extents"),
    [(784, 3, (14, 8, 7)), (300, 3, (10, 6, 5)), (785, 3, (12, 11, 6)), (7, 2, (4, 2)),
     (1, 4, (1, 1, 1, 1)), (64, 3, (4, 4, 4)), (30522, 3, (37, 33, 25))],
)  # fmt: skip
def test_balanced_extents(extent, count, extents):
    assert balanced_extents(extent, count) == extents
    assert extent <= np.prod(extents) <= 1.2 * extent or extent < 10


def test_tucker2_iterates_below_the_higher_order_svd():
    weight = normal(3, 3, 12, 10)
    sides = [np.linalg.svd(np.moveaxis(weight, axis, 0).reshape(n, -1))[0][:, :4] for axis, n in ((2, 12), (3, 10))]
    projected = np.einsum("abio,ip,jp,oq,rq->abjr", weight, sides[0], sides[0], sides[1], sides[1])
    higher_order_svd = np.linalg.norm(projected - weight) / np.linalg.norm(weight)
    assert error(Tucker2(weight.shape, 4, 4), weight) <= higher_order_svd + 1e-12


def test_cp_finds_a_kernel_of_its_own_rank():
    """Also of a kernel that is not square."""
    terms = [normal(n, 3, seed=n) for n in (3, 5, 8, 7)]
    weight = np.einsum("as,bs,cs,ds->abcd", *terms)
    assert error(CP(weight.shape, 3), weight) < 1e-4


# -- the t-product -------------------------------------------------------------------------------------------------


def test_t_product_of_tensors():
    """Associative; the tensor whose tubes are the identity's is neutral."""
    a, b, c = normal(3, 4, 5), normal(4, 2, 5, seed=1), normal(2, 6, 5, seed=2)
    assert np.abs(t_product(t_product(a, b), c) - t_product(a, t_product(b, c))).max() < 1e-9
    transform = dct_matrix(5).astype(np.float64)
    one = np.linalg.solve(transform / transform[:, :1], np.ones(5))  # the tube that L makes all ones
    identity = np.eye(4)[:, :, None] * one
    assert np.abs(t_product(a, identity) - a).max() < 1e-12


def test_t_product_kind_is_the_t_product_of_its_factors():
    kind = TProduct((1, 5, 3, 4), 2)
    factors = kind.fit(normal(1, 5, 3, 4))
    transform = dct_matrix(5).astype(np.float64)
    share = np.sqrt(transform[:, 0])[:, None, None]
    back = np.linalg.inv(transform / transform[:, :1])
    left, right = (np.moveaxis(np.tensordot(back, factors[name] / share, 1), 0, -1) for name in ("left", "right"))
    assert np.abs(np.moveaxis(t_product(left, right), -1, 0) - kind.reconstruct(factors)[0]).max() < 1e-6


def test_t_linear_is_the_matrix_of_a_product_with_tubes():
    a, x, tube = normal(3, 4, 5), normal(4, 1, 5, seed=1), 5
    transform = dct_matrix(tube).astype(np.float64)
    spectrum = (a @ (transform / transform[:, :1]).T).transpose(1, 0, 2)  # (in, out, tube)
    layer = TLinear((4 * tube, 3 * tube), tube)
    assert layer.factor_shapes["spectrum"] == (4, 3, 5)
    product = x.reshape(-1) @ layer.reconstruct({"spectrum": spectrum})
    assert np.abs(product - t_product(a, x).reshape(-1)).max() < 1e-6
    exact = layer.reconstruct({"spectrum": spectrum})
    assert error(layer, exact) < 1e-6


# -- generated matrices --------------------------------------------------------------------------------------------


def test_generated_matrices_are_the_same_on_every_machine():
    assert generated_columns(0, 3, 4, 0, 4).tolist() == [[1, 3, -9, -2], [-2, 3, -2, -3], [-3, -3, 4, 1]]
    assert generated_columns(4294967295, 2, 3, 0, 3).tolist() == [[0, -10, 7], [5, -9, 0]]
    whole = generated_columns(12345, 50, 70, 0, 70)
    assert np.array_equal(generated_columns(12345, 50, 70, 20, 33), whole[:, 20:33])
    large = generated_columns(1, 1000, 1000, 0, 1000).astype(np.float64)
    assert abs(large.mean()) < 0.02
    assert abs(large.std() - 4) < 0.01
    assert abs(np.mean(large**4) / 256 - (3 - 2 / 64)) < 0.03  # the kurtosis of a binomial of 64


def test_simhash_keeps_lengths_and_signs():
    weight = normal(20, 3).astype(np.float32)
    weight[:, 1] = 0
    simhash = SimHash((20, 3), 64, seed=7)
    factors = simhash.fit(weight)
    rebuilt = simhash.reconstruct(factors)
    assert np.abs(np.linalg.norm(rebuilt, axis=0) - np.linalg.norm(weight, axis=0)).max() < 1e-5
    assert not rebuilt[:, 1].any()
    assert factors["signs"][:, 1].all()  # the sign of 0 is +
    projections = generated_columns(7, 20, 64, 0, 64).T @ weight
    assert np.array_equal(factors["signs"] == 1, projections >= 0)


def test_simhash_in_bytes():
    simhash = SimHash((3, 2), 4)
    factors = {"signs": np.array([[1, 0], [0, 0], [1, 1], [0, 1]]), "scales": float32([0.1, -3])}
    golden = "676666bf00003442cdccccbe000090419a99993e000004c2"
    assert simhash.reconstruct(factors).astype("<f4").tobytes().hex() == golden


def test_simhash_gets_better_with_bits():
    weight = normal(30, 20)
    errors = [error(SimHash((30, 20), bits), weight) for bits in (30, 120, 480, 1920)]
    assert errors == sorted(errors, reverse=True)
    assert errors[3] < errors[1] / 2


def test_random_projection_is_the_least_squares_solution():
    weight, projection = normal(20, 9), RandomProjection((20, 9), 5, seed=3)
    right = projection.fit(weight)["right"]
    residual = projection.projection @ right - weight
    assert np.abs(projection.projection.T @ residual).max() < 1e-9


# -- blocks --------------------------------------------------------------------------------------------------------


def test_block_diagonal_in_numbers():
    blocks = float32([[[1, 2]], [[3, 4]], [[5, 6]]])
    rebuilt = BlockDiagonal((3, 5), 3).reconstruct({"blocks": blocks})
    assert rebuilt.tolist() == [[1, 2, 0, 0, 0], [0, 0, 3, 4, 0], [0, 0, 0, 0, 5]]
    assert np.count_nonzero(BlockDiagonal((12, 8), 2).reconstruct({"blocks": np.ones((2, 6, 4))})) == 48


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_block_diagonal_is_a_mask(blocks):
    weight = normal(12, 8).astype(np.float32)
    mask = np.kron(np.eye(blocks), np.ones((12 // blocks, 8 // blocks)))
    factorization = BlockDiagonal((12, 8), blocks)
    assert np.array_equal(factorization.reconstruct(factorization.fit(weight)), weight * mask.astype(np.float32))


def test_input_output_is_two_kronecker_products():
    """The original's own test: 12 x 8, factor 2, blocks of 4."""
    both = InputOutput((12, 8), 4, 2, 4, 2)
    assert both.factor_shapes == {"input": (4, 2), "core": (6, 4), "output": (2, 4)}
    b, c, d = normal(4, 2), normal(6, 4), normal(2, 4)
    wanted = np.kron(np.eye(3), b) @ c @ np.kron(np.eye(2), d)
    rebuilt = both.reconstruct({"input": b, "core": c, "output": d})
    assert np.abs(rebuilt - wanted).max() < 1e-12
    assert error(both, wanted) < 1e-10


def test_mixed_block_of_one_basis_is_a_kronecker_product():
    assert error(MixedBlock((6, 8), 1, 3, 2), np.kron(normal(2, 4), normal(3, 2, seed=1))) < 1e-12


# -- dictionaries --------------------------------------------------------------------------------------------------


def test_pursuit_finds_the_atoms():
    dictionary = np.linalg.qr(normal(8, 8))[0]
    codes = np.zeros((3, 8))
    codes[0, [1, 5]], codes[1, 3] = (2, -1), 4
    found, losses = pursue(codes @ dictionary, dictionary, 3)
    assert np.abs(found - codes).max() < 1e-12
    assert np.abs(losses).max() < 1e-20
    assert not found[2].any()  # a row of zeros has no coefficients


def test_learning_recovers_the_originals_own_example():
    """30 x 10 of a sparse code, row percentage .5, column percentage .3: relative error at most .113."""
    rng = np.random.default_rng(15)
    codes = rng.normal(size=(30, 16)) * (rng.random((30, 16)) < 0.25)
    learned = learn(codes @ rng.normal(size=(16, 10)), 16, 4, iterations=32)
    assert learned.errors[-1] <= 0.113


@pytest.mark.parametrize("start", ["rows", "lsh", "kd_tree"])
def test_the_error_never_rises(start):
    if start == "kd_tree":
        pytest.importorskip("scipy", reason="a KD-tree needs the extra factor")
    weight = normal(60, 20)
    weight[7] = 0
    learned = learn(weight, 25, 4, iterations=10, start=start)
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(learned.errors))
    assert (np.count_nonzero(learned.codes, axis=1) <= 4).all()
    assert not learned.codes[7].any()
    exact = np.linalg.norm(learned.codes @ learned.atoms - weight) / np.linalg.norm(weight)
    assert abs(exact - learned.errors[-1]) < 1e-9


def test_a_dictionary_of_few_distinct_rows_is_exact():
    weight = np.repeat(normal(3, 10), 4, axis=0)
    weight[5] = 0
    assert error(Dictionary((12, 10), 5, 2), weight) < 1e-9


def test_dictionary_in_numbers():
    factors = {
        "mask": np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]]),
        "coefficients": float32([[2, -1], [3, 99], [99, 99]]),
        "atoms": float32([[1, 0], [0, 1], [1, 1]]),
    }
    assert Dictionary((3, 2), 3, 2).reconstruct(factors).tolist() == [[1, -1], [0, 3], [0, 0]]


def test_learning_options_that_are_refused():
    with pytest.raises(OptionError, match="start 'random' is not one of rows, kd_tree, lsh"):
        learn(normal(4, 3), 2, 1, start="random")
    with pytest.raises(OptionError, match="iterations 0"):
        learn(normal(4, 3), 2, 1, iterations=0)


# -- codebooks -----------------------------------------------------------------------------------------------------


def cost(values, counts, centers):
    return float((counts * np.square(values[:, None] - centers).min(axis=1)).sum())


@pytest.mark.parametrize("zero", [False, True])
def test_the_codebook_is_the_best_there_is(zero):
    """Against every way to cut up to nine values into three intervals."""
    rng = np.random.default_rng(4)
    for _ in range(40):
        values = np.unique(np.concatenate([rng.normal(size=8), [0.0] * zero]))
        counts = rng.integers(1, 6, values.size)
        best = np.inf
        for a, b in itertools.combinations(range(1, values.size), 2):
            parts = [slice(0, a), slice(a, b), slice(b, None)]
            centers = [np.average(values[p], weights=counts[p]) for p in parts]
            centers = [0.0 if zero and (values[p] == 0).any() else c for p, c in zip(parts, centers, strict=True)]
            total = sum((counts[p] * (values[p] - c) ** 2).sum() for p, c in zip(parts, centers, strict=True))
            best = min(best, total)
        found = best_codebook(values, counts, 3)
        assert cost(values, counts, found) <= best + 1e-12
        assert not zero or 0.0 in found


def test_many_values_are_binned_without_loss_to_speak_of():
    weight = normal(40000)
    values, counts = np.unique(weight, return_counts=True)
    reference = np.array([-2.733, -2.069, -1.618, -1.256, -0.9424, -0.6568, -0.3881, -0.1284])  # Max, 1960, N = 16
    lloyd_max = np.concatenate([reference, -reference[::-1]])
    assert cost(values, counts, best_codebook(values, counts, 16)) < cost(values, counts, lloyd_max)


def test_sparse_kmeans_in_numbers():
    weight = float32([[0.1, -3, 2], [3.2, -2.8, 2.2]])
    factors = SparseKMeans((2, 3), 5, 3).fit(weight)
    assert factors["mask"].tolist() == [[0, 1, 1], [1, 1, 1]]
    assert factors["index"].tolist() == [0, 1, 2, 0, 1]
    assert np.allclose(factors["codebook"], [-2.9, 2.1, 3.2])
    assert np.allclose(SparseKMeans((2, 3), 5, 3).reconstruct(factors), [[0, -2.9, 2.1], [3.2, -2.9, 2.1]])


def test_kmeans_of_four_levels_of_a_normal_weight():
    """Max (1960): the best four levels leave .1175 of the variance."""
    assert abs(error(KMeans((300, 100), 4), normal(300, 100).astype(np.float32)) ** 2 - 0.1175) < 0.003


def test_a_rank_above_the_limit_is_refused():
    for make in (lambda: LowRank((5, 3), 4), lambda: Tucker2((5, 3), 6, 1), lambda: CP((2, 2), 3)):
        with pytest.raises(FactorizationError, match=r"rank 4|first_rank 6|rank 3"):
            make()
