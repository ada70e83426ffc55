"""The kinds for layers on images, and the block that is left of a layer, in numbers."""

import numpy as np
import pytest

import wcodec
from wcodec.errors import FactorizationError
from wcodec.factorizations import Block, Dct, Pool, Rdft, Tent


def test_tent_matrix_in_numbers():
    tent = Tent((9, 1), 3, 3)
    assert (8 * tent.matrix(3)).tolist() == [[3, 0], [3, 1], [1, 3]]
    assert (8 * tent.matrix(4)).tolist() == [[3, 0], [3, 1], [1, 3], [0, 3]]
    assert tent.matrix(1).tolist() == [[0.375]]
    assert tent.factor_shapes == {"latent": (2, 2, 1, 1)}


def test_one_coefficient_of_a_tent():
    latent = np.zeros((2, 2, 1, 1), np.float32)
    latent[0, 1] = 64
    weight = Tent((16, 1), 4, 4).reconstruct({"latent": latent}).reshape(4, 4)
    assert weight.tolist() == [[0, 3, 9, 9], [0, 3, 9, 9], [0, 1, 3, 3], [0, 0, 0, 0]]


def test_pool_repeats_and_cuts():
    latent = np.arange(1, 5, dtype=np.float32).reshape(2, 2, 1, 1)
    weight = Pool((9, 1), 3, 3).reconstruct({"latent": latent}).reshape(3, 3)
    assert weight.tolist() == [[1, 1, 2], [1, 1, 2], [3, 3, 4]]


def test_channels_keep_the_order_of_a_flattened_image():
    latent = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    weight = Pool((8, 2), 1, 4).reconstruct({"latent": latent})
    assert weight.tolist() == [[0, 1], [2, 3], [0, 1], [2, 3], [4, 5], [6, 7], [4, 5], [6, 7]]


@pytest.mark.parametrize("n", [1, 2, 5, 28])
def test_dct_matrix_is_orthonormal(n):
    matrix = Dct((n, 1), 1, n).matrix(n).astype(np.float64)
    assert np.abs(matrix.T @ matrix - np.eye(n)).max() < 2e-7


@pytest.mark.parametrize("kind", [Tent, Pool, Dct])
def test_fit_finds_the_latent_again(kind):
    basis = kind((5 * 6 * 2, 3), 5, 6)
    latent = np.random.default_rng(0).normal(size=basis.factor_shapes["latent"]).astype(np.float32)
    found = basis.fit(basis.reconstruct({"latent": latent}))["latent"]
    assert np.abs(found - latent).max() < 1e-4


def test_block_pads_with_zeros():
    block = Block((3, 2), (2, 1))
    assert block.reconstruct({"weight": np.array([[1], [2]], np.float32)}).tolist() == [[1, 0], [2, 0], [0, 0]]
    assert block.fit(np.arange(6, dtype=np.float32).reshape(3, 2))["weight"].tolist() == [[0], [2]]


def test_block_splits_the_inputs_behind_a_flattened_map():
    block = Block((8, 2), (2, 1, 2, 1))  # 2x1 places of 4 maps, of which 2 are left
    assert (block.view, block.factor_shapes) == ((2, 1, 4, 2), {"weight": (2, 1, 2, 1)})
    latent = np.array([1, 2, 3, 4], np.float32).reshape(2, 1, 2, 1)
    weight = block.reconstruct({"weight": latent})
    assert weight[:, 0].tolist() == [1, 2, 0, 0, 3, 4, 0, 0]
    assert not weight[:, 1].any()


def test_block_of_another_kind():
    assert Block((5, 5, 3, 8), (5, 5, 3, 2), (1,)).step_axes == Rdft((5, 5, 3, 2)).step_axes
    assert Block((784, 300), (784, 60), (25, 28, 28)).factor_shapes == {"latent": (14, 14, 1, 60)}


@pytest.mark.parametrize(
    "fields",
    [((2, 2), (3, 2)), ((2, 2), (2,)), ((), ()), ((4, 2), (3, 1, 2)), ((4, 2), (0, 1, 2)), ((2, 2), (-1, 2)),
     ((2, 2), (2, 2), (2, 1)), ((2, 2), (2, 2), (28,)), ((2, 2), (2, 2), ()), ((2, 2), (2, 2), (0, 1)),
     ((4, 1), (4, 1), (25, 4))],
)  # fmt: skip
def test_block_refuses(fields):
    with pytest.raises(FactorizationError):
        Block(*fields)


def test_zeros_of_a_block_cost_nothing():
    """500 outputs of which 10 are left cost what the 10 cost, and the record says the rest."""
    rng = np.random.default_rng(0)
    small = rng.normal(size=(40, 10)).astype(np.float32)
    wide = np.pad(small, ((0, 760), (0, 490)))
    block = {"w": lambda shape: Block(shape, (40, 10))}
    alone, padded = (wcodec.encode({"w": weight}, factorizations=block) for weight in (small, wide))
    assert padded.payload_nbytes == alone.payload_nbytes
    assert padded.nbytes - alone.nbytes <= 4
    decoded = wcodec.decode(padded.data)["w"]
    assert np.array_equal(decoded[:40, :10], wcodec.decode(alone.data)["w"])
    assert np.count_nonzero(decoded) <= 400
