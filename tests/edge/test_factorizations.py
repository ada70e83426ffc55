"""Each factorization on small literal cases, and what its parameters may be."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wcodec
from wcodec.errors import FactorizationError, UnknownKindError
from wcodec.factorizations import FACTORIZATIONS, Dense, Factorization, KMeans, LowRank, Rdft, Sparse
from wcodec.factorizations.rdft import rdft_matrix
from wcodec.factorizations.wire import from_params, to_params


def float32(values):
    return np.array(values, np.float32)


# -- rdft ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [*range(1, 12), 25, 64, 1024])
def test_rdft_matrix_is_orthonormal(n):
    matrix = rdft_matrix(n)
    assert (matrix.shape, matrix.dtype) == ((n, n), np.float32)
    assert np.abs(matrix.astype(np.float64) @ matrix.T.astype(np.float64) - np.eye(n)).max() < 3e-7


def test_rdft_matrix_in_numbers():
    assert rdft_matrix(1).tolist() == [[1.0]]
    half, third, sixth = np.float32(0.5**0.5), np.float32(3**-0.5), np.float32(6**-0.5)
    assert rdft_matrix(2).tolist() == [[half, half], [half, -half]]
    expected = [[third] * 3, [np.float32((2 / 3) ** 0.5), -sixth, -sixth], [0, half, -half]]
    assert np.abs(rdft_matrix(3) - float32(expected)).max() < 1e-7
    expected = [[0.5] * 4, [half, 0, -half, 0], [0, half, 0, -half], [0.5, -0.5, 0.5, -0.5]]
    assert np.abs(rdft_matrix(4) - float32(expected)).max() < 1e-7


def test_rdft_is_the_discrete_fourier_transform():
    kernel = np.random.default_rng(0).normal(size=5)
    latent, spectrum = rdft_matrix(5) @ kernel, np.fft.rfft(kernel)
    scale = np.sqrt([1 / 5, 2 / 5, 2 / 5])
    assert np.allclose(latent[[0, 1, 3]], spectrum.real * scale, atol=1e-6)
    assert np.allclose(latent[[2, 4]], -spectrum.imag[1:] * scale[1:], atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "axes", "kernel_axes"),
    [((5, 5, 3, 2), (), (0, 1)), ((7, 1, 2), (), (0,)), ((2, 3, 4, 1, 2), (), (0, 1, 2)), ((4, 3, 5), (2,), (2,)),
     ((4, 2, 3, 3), (2, 3), (2, 3)), ((1, 1, 3, 2), (), (0, 1))],
)  # fmt: skip
def test_rdft_comes_back_and_keeps_the_norm(shape, axes, kernel_axes):
    rdft = Rdft(shape, axes)
    weight = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    latent = rdft.fit(weight)["latent"]
    assert (rdft.kernel_axes, rdft.step_axes) == (kernel_axes, {"latent": kernel_axes})
    assert rdft.factor_shapes == {"latent": shape}
    assert np.abs(rdft.reconstruct({"latent": latent}) - weight).max() < 2e-6
    assert abs(np.linalg.norm(latent) - np.linalg.norm(weight)) < 1e-5


def test_rdft_of_a_constant_kernel_is_its_mean():
    latent = Rdft((3, 3, 1, 1)).fit(np.full((3, 3, 1, 1), 2, np.float32))["latent"].ravel()
    assert abs(latent[0] - 6) < 1e-6
    assert np.abs(latent[1:]).max() < 1e-6


# -- low_rank ------------------------------------------------------------------------------------------------------


def test_low_rank_is_the_best_approximation():
    """Eckart and Young: the error of the best rank-k matrix is the norm of the singular values left out."""
    weight = np.random.default_rng(2).normal(size=(12, 9)).astype(np.float32)
    singular = np.linalg.svd(weight.astype(np.float64), compute_uv=False)
    for rank in (1, 3, 8):
        low_rank = LowRank((12, 9), rank)
        factors = low_rank.fit(weight)
        assert {name: f.shape for name, f in factors.items()} == {"left": (12, rank), "right": (rank, 9)}
        error = np.linalg.norm(low_rank.reconstruct(factors).astype(np.float64) - weight)
        assert abs(error - np.sqrt((singular[rank:] ** 2).sum())) < 1e-6


def test_low_rank_balances_its_factors():
    factors = LowRank((4, 6), 2).fit(np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32))
    assert np.allclose(np.linalg.norm(factors["left"], axis=0), np.linalg.norm(factors["right"], axis=1), atol=1e-5)


def test_low_rank_in_numbers():
    factors = {"left": float32([[1], [-2]]), "right": float32([[3, 4, -5]])}
    assert LowRank((2, 3), 1).reconstruct(factors).tolist() == [[3, 4, -5], [-6, -8, 10]]
    assert LowRank((2, 1, 3), 1, 1).reconstruct(factors).shape == (2, 1, 3)


@pytest.mark.parametrize(("row_axes", "matrix"), [(0, (12, 5)), (1, (2, 30)), (2, (6, 10)), (3, (12, 5))])
def test_low_rank_row_axes(row_axes, matrix):
    assert LowRank((2, 3, 2, 5), 1, row_axes).matrix_shape == matrix


# -- kmeans --------------------------------------------------------------------------------------------------------


def test_kmeans_with_enough_levels_is_exact():
    weight = float32([[0.5, -1, 0], [0.5, 2, 0]])
    for levels in (4, 5, 9):
        kmeans = KMeans((2, 3), levels)
        factors = kmeans.fit(weight)
        assert factors["codebook"].shape == (levels,)
        assert kmeans.reconstruct(factors).tolist() == weight.tolist()


def test_kmeans_tells_adjacent_floats_apart():
    values = [1.0]
    for _ in range(3):
        values.append(float(np.nextafter(np.float32(values[-1]), np.float32(2))))
    weight = float32(values)
    kmeans = KMeans((4,), 4)
    assert kmeans.reconstruct(kmeans.fit(weight)).tolist() == values


def test_kmeans_in_numbers():
    weight = float32([1, 2, 3, 101, 102, 103])
    factors = KMeans((6,), 2).fit(weight)
    assert factors["codebook"].tolist() == [2, 102]
    assert factors["index"].tolist() == [0, 0, 0, 1, 1, 1]
    assert factors["index"].dtype == np.int32


@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=60), st.integers(2, 8))
def test_kmeans_keeps_an_exact_zero(values, levels):
    weight = float32([0.0, *values, 0.0])
    kmeans = KMeans(weight.shape, levels)
    rebuilt = kmeans.reconstruct(kmeans.fit(weight))
    assert (rebuilt[weight == 0] == 0).all()
    assert np.abs(rebuilt).max() <= np.abs(weight).max()


def test_kmeans_of_nothing():
    factors = KMeans((0, 3), 2).fit(np.zeros((0, 3), np.float32))
    assert (factors["codebook"].shape, factors["index"].shape) == ((2,), (0, 3))


# -- sparse --------------------------------------------------------------------------------------------------------


def test_sparse_keeps_the_largest_and_breaks_ties_in_row_major_order():
    weight = float32([[1, -3, 2], [3, -2, 2]])
    factors = Sparse((2, 3), 3).fit(weight)
    assert factors["mask"].tolist() == [[0, 1, 1], [1, 0, 0]]
    assert factors["values"].tolist() == [-3, 2, 3]
    assert Sparse((2, 3), 3).reconstruct(factors).tolist() == [[0, -3, 2], [3, 0, 0]]


def test_sparse_of_nothing_and_of_all():
    weight = float32([1, 0, -2])
    for count, expected in [(0, [0, 0, 0]), (3, [1, 0, -2])]:
        sparse = Sparse((3,), count)
        factors = sparse.fit(weight)
        sparse.check(factors)
        assert sparse.reconstruct(factors).tolist() == expected


@pytest.mark.parametrize(("mask", "rule"), [([1, 0, 0], "sets 1"), ([1, 2, 0], "0 and 1"), ([-1, 1, 1], "0 and 1")])
def test_sparse_masks(mask, rule):
    with pytest.raises(FactorizationError, match=rule):
        Sparse((3,), 2).check({"mask": np.array(mask), "values": float32([1, 2])})


# -- dense and parameters ------------------------------------------------------------------------------------------


def test_dense_is_the_weight():
    weight = np.arange(3)
    assert Dense((3,)).fit(weight)["weight"] is weight
    assert Dense((3,)).reconstruct({"weight": weight}) is weight


@pytest.mark.parametrize(
    ("cls", "shape", "params"),
    [
        (Rdft, (3, 2), ()), (Rdft, (3,), ()),
        (Rdft, (1,) * 6, ()), (Rdft, (2, 2, 2), ((1, 0),)), (Rdft, (2, 2), ((0, 0),)),
        (Rdft, (2, 2), ((2,),)), (Rdft, (2, 2), ((-1,),)), (Rdft, (0, 1, 1), ()), (Rdft, (1025, 1, 1), ()),
        (LowRank, (3,), (1,)), (LowRank, (3, 2), (0,)), (LowRank, (3, 2), (3,)), (LowRank, (3, 2), (1, 2)),
        (LowRank, (3, 2), (1, -1)), (LowRank, (3, 2), ()), (LowRank, (0, 2), (2,)),
        (KMeans, (3,), (0,)), (KMeans, (3,), (65537,)), (KMeans, (3,), ()), (KMeans, (3,), ("1",)),
        (KMeans, (3,), ((1,),)),
        (Sparse, (3,), (4,)), (Sparse, (3,), (-1,)), (Sparse, (3,), (1, 1)), (Dense, (3,), (1,)),
    ],
)  # fmt: skip
def test_bad_parameters(cls, shape, params):
    with pytest.raises(FactorizationError):
        from_params(cls, shape, params)


@pytest.mark.parametrize(
    ("factorization", "wire"),
    [
        (Dense((2,)), (0, ())), (Rdft((3, 1, 1)), (1, ())), (Rdft((3, 1), (0,)), (1, ((0,),))),
        (LowRank((2, 3), 2), (2, (2,))), (LowRank((2, 3, 1), 2, 1), (2, (2, 1))), (KMeans((2,), 4), (3, (4,))),
        (Sparse((2,), 0), (4, (0,))),
    ],
)  # fmt: skip
def test_parameters_on_the_wire(factorization, wire):
    assert to_params(factorization) == wire
    assert from_params(type(factorization), factorization.shape, wire[1]) == factorization


# -- a kind of one's own -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scaled(Factorization):
    """W = direction * length, both as they are."""

    kind: ClassVar[str] = "test/scaled"
    lengths: int
    label: str = "plain"

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"direction": self.shape, "length": (self.lengths,)}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        length = np.abs(weight).max(keepdims=True).reshape(1)
        return {"direction": weight / length, "length": length}

    def reconstruct(self, factors: Any, xp: Any = np) -> Any:
        return factors["direction"] * factors["length"]


@pytest.fixture
def scaled():
    wcodec.register_factorization(Scaled)
    yield Scaled
    del FACTORIZATIONS[Scaled.kind]


def test_a_users_own_kind_goes_the_whole_way(scaled):
    weight = np.random.default_rng(4).normal(size=(30, 40)).astype(np.float32)
    report = wcodec.encode({"w": weight}, coder="rice", factorizations={"w": lambda shape: scaled(shape, 1, "x")})
    assert [(row.kind, row.params) for row in report.rows] == [("test/scaled", (1, "x"))]
    assert np.abs(wcodec.decode(report.data)["w"] - weight).max() < 0.02
    del FACTORIZATIONS[scaled.kind]
    try:
        with pytest.raises(
            UnknownKindError, match="'w': factorization 'test/scaled' is neither built in nor registered"
        ):
            wcodec.decode(report.data)
    finally:
        wcodec.register_factorization(scaled)


def test_annotations_may_be_types():
    namespace: dict[str, Any] = {"Factorization": Factorization, "dataclass": dataclass, "ClassVar": ClassVar}
    exec(  # a module without `from __future__ import annotations`
        "@dataclass(frozen=True)\nclass Own(Factorization):\n    kind: ClassVar[str] = 'own'\n    n: int\n"
        "    factor_shapes = fit = reconstruct = None",
        namespace,
    )
    assert from_params(namespace["Own"], (3,), (5,)).n == 5


def test_what_cannot_be_registered(scaled):
    class Bare(Scaled):
        """Not decorated itself."""

    with pytest.raises(FactorizationError, match="lacks the decorator"):
        wcodec.register_factorization(Bare)
    with pytest.raises(FactorizationError, match="number must be None"):
        wcodec.register_factorization(Dense)

    @dataclass(frozen=True)
    class Taken(Scaled):
        """Another class of a kind that is taken."""

    with pytest.raises(FactorizationError, match="is registered already"):
        wcodec.register_factorization(Taken)
    assert wcodec.register_factorization(scaled) is scaled
