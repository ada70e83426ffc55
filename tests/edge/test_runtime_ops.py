"""Every op on numbers that were worked out by hand."""

import math

import numpy as np
import pytest

from wcodec.errors import LimitError
from wcodec.runtime import OPS, windows
from wcodec.runtime.protocol import MAX_ELEMENTS


def run(op: str, *inputs: object, **keywords: object) -> list:
    arrays = {name: np.array(k, np.float32) if isinstance(k, list) else k for name, k in keywords.items()}
    return OPS[op].run(*(np.array(x, np.float32) for x in inputs), **arrays).tolist()


def column(*values: float) -> list:
    """One sample, one channel, one spatial axis."""
    return [[[value] for value in values]]


def test_dense() -> None:
    assert run("dense", [[1, 2]], kernel=[[1, 10], [2, 20]]) == [[5, 50]]
    assert run("dense", [[1, 2]], kernel=[[1, 10], [2, 20]], bias=[1, -1]) == [[6, 49]]


def test_conv_does_not_flip_the_kernel() -> None:
    kernel = [[[1]], [[10]], [[100]]]
    assert run("conv", column(1, 2, 3, 4), kernel=kernel) == column(321, 432)
    assert run("conv", column(1, 2, 3, 4), kernel=kernel, padding="same") == column(210, 321, 432, 43)
    assert run("conv", column(1, 2, 3, 4), kernel=kernel, padding="causal") == column(100, 210, 321, 432)


def test_an_odd_padding_goes_after() -> None:
    # 4 elements, window 3, stride 2: one element of padding.
    assert run("conv", column(1, 2, 3, 4), kernel=[[[1]], [[10]], [[100]]], padding="same", strides=2) == column(
        321, 43
    )
    assert windows.padding_amounts(4, 3, 2, "same") == (0, 1)
    assert windows.padding_amounts(5, 3, 2, "same") == (1, 1)
    assert windows.padding_amounts(5, 1, 2, "same") == (0, 0)
    assert windows.padding_amounts(7, 4, 1, "same") == (1, 2)


def test_conv_dilation_bias_and_two_axes() -> None:
    assert run("conv", column(1, 2, 3, 4), kernel=[[[1]], [[10]]], dilation=2, bias=[0.5]) == column(31.5, 42.5)
    image = [[[[1], [2], [3]], [[4], [5], [6]]]]
    kernel = [[[[1]], [[10]]], [[[100]], [[1000]]]]  # (2, 2, 1, 1)
    assert run("conv", image, kernel=kernel) == [[[[5421], [6532]]]]
    assert run("conv", image, kernel=kernel, strides=(1, 2)) == [[[[5421]]]]


def test_groups_take_runs_of_channels() -> None:
    x = [[[1, 2, 3, 4]]]
    assert run("conv", x, kernel=[[[1, 10], [1, 100]]], groups=2) == [[[3, 430]]]


def test_conv_in_many_blocks_is_conv_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(3, 7, 6, 2)).astype("f"), rng.normal(size=(3, 3, 2, 4)).astype("f")
    whole = OPS["conv"].run(x, kernel=kernel, padding="same")
    for limit in (1, 120, 400, 800):  # rows one by one, rows of one image, one image, two images
        monkeypatch.setattr(windows, "PATCH_ELEMENTS", limit)
        np.testing.assert_allclose(OPS["conv"].run(x, kernel=kernel, padding="same"), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("batch", "rows", "cost"), [(5, 7, 100_000), (5, 7, 2**21), (5, 7, 1), (0, 3, 5), (3, 4, 2**18)]
)
def test_blocks_cover_everything_once_within_the_bound(batch: int, rows: int, cost: int) -> None:
    seen = np.zeros((batch, rows), int)
    for block in windows.blocks(batch, rows, cost):
        seen[block] += 1
        assert seen[block].size * cost <= max(windows.PATCH_ELEMENTS, cost)
    assert (seen == 1).all()


def test_depthwise_conv_keeps_the_results_of_a_channel_together() -> None:
    x = [[[1, 10], [2, 20]]]
    kernel = [[[1, 2], [3, 4]], [[100, 0], [0, 100]]]  # (2, in 2, multiplier 2)
    assert run("depthwise_conv", x, kernel=kernel) == [[[201, 2, 30, 2040]]]
    assert run("depthwise_conv", x, kernel=kernel, bias=[1, 1, 1, 1]) == [[[202, 3, 31, 2041]]]


def test_pooling() -> None:
    assert run("max_pool", column(1, 5, 2, 4, 3)) == column(5, 4)
    assert run("max_pool", column(-1, -5, -2), size=2, padding="same") == column(-1, -2)
    assert run("average_pool", column(1, 5, 2, 4, 3), size=3, strides=1) == pytest.approx(
        np.array(column(8 / 3, 11 / 3, 3))
    )
    # The element of padding is not counted.
    assert run("average_pool", column(1, 5, 3), size=2, padding="same") == column(3, 3)
    image = [[[[1], [2]], [[3], [6]]]]
    assert run("average_pool", image) == [[[[3]]]]
    assert run("max_pool", image, size=(2, 1)) == [[[[3], [6]]]]
    assert run("global_max_pool", image) == [[6]]
    assert run("global_average_pool", image, keepdims=True) == [[[[3]]]]


def test_batch_norm_and_rescale() -> None:
    assert run("batch_norm", [[3, 5]], mean=[1, 1], variance=[3, 15], epsilon=1.0) == [[1, 1]]
    assert run("batch_norm", [[3, 5]], mean=[1, 1], variance=[3, 15], epsilon=1.0, gamma=[2, 4], beta=[0, 1]) == [
        [2, 5]
    ]
    assert run("batch_norm", [[[3, 5]]], mean=[1], variance=[3], epsilon=1.0, axis=1) == [[[1, 2]]]
    assert run("rescale", [[1, 2]], scale=(2.0, 3.0), offset=1.0) == [[3, 7]]


def test_layers_that_move_elements() -> None:
    x = [[[1, 2, 3], [4, 5, 6]]]
    assert run("flatten", x) == [[1, 2, 3, 4, 5, 6]]
    assert run("reshape", x, shape=(3, -1)) == [[[1, 2], [3, 4], [5, 6]]]
    assert run("permute", x, axes=(2, 1)) == [[[1, 4], [2, 5], [3, 6]]]
    assert run("zero_padding", column(1, 2), amounts=(1, 2)) == column(0, 1, 2, 0, 0)
    assert run("flatten", np.zeros((0, 2, 3))) == []


def test_layers_of_several_inputs() -> None:
    a, b, c = [[1, 6]], [[4, 2]], [[1, 1]]
    assert run("add", a, b, c) == [[6, 9]]
    assert run("subtract", a, b) == [[-3, 4]]
    assert run("multiply", a, b, c) == [[4, 12]]
    assert run("average", a, b, c) == [[2, 3]]
    assert run("maximum", a, b, c) == [[4, 6]]
    assert run("minimum", a, b, c) == [[1, 1]]
    assert run("concatenate", a, b) == [[1, 6, 4, 2]]
    assert run("add", [[[1, 2], [3, 4]]], [[[10, 20]]]) == [[[11, 22], [13, 24]]]


X = [[-100.0, -1.0, 0.0, 1.0, 7.0, 100.0]]
E = math.e
ACTIVATIONS = [
    ("relu", {}, [0, 0, 0, 1, 7, 100]),
    ("relu", {"max_value": 6.0}, [0, 0, 0, 1, 6, 6]),
    ("relu", {"negative_slope": 0.5, "threshold": 1.0}, [-50.5, -1, -0.5, 1, 7, 100]),
    ("prelu", {"alpha": [1, 2, 3, 4, 5, 6]}, [-100, -2, 0, 1, 7, 100]),
    ("elu", {"alpha": 2.0}, [-2, 2 / E - 2, 0, 1, 7, 100]),
    (
        "selu",
        {},
        [-1.7580993408473766, -1.1113307378125625, 0, 1.0507009873554805, 7.354906911488364, 105.07009873554805],
    ),
    ("sigmoid", {}, [0, 1 / (1 + E), 0.5, E / (1 + E), 0.9990889488055994, 1]),
    ("tanh", {}, [-1, -0.7615941559557649, 0, 0.7615941559557649, 0.9999983369439447, 1]),
    ("softmax", {}, [0, 0, 0, 0, 0, 1]),
    ("log_softmax", {}, [-200, -101, -100, -99, -93, 0]),
    ("silu", {}, [0, -1 / (1 + E), 0, E / (1 + E), 6.993622641639195, 100]),
    ("gelu", {}, [0, -0.15865525393145707, 0, 0.8413447460685429, 6.999999999991041, 100]),
    ("gelu_tanh", {}, [0, -0.15880800939172324, 0, 0.8411919906082768, 7, 100]),
    ("softplus", {}, [0, 0.31326168751822286, 0.6931471805599453, 1.3132616875182228, 7.000911466453774, 100]),
    ("softsign", {}, [-100 / 101, -0.5, 0, 0.5, 0.875, 100 / 101]),
    ("hard_sigmoid", {}, [0, 1 / 3, 0.5, 2 / 3, 1, 1]),
    ("hard_silu", {}, [0, -1 / 3, 0, 2 / 3, 7, 100]),
    ("mish", {}, [0, -0.30340146137410895, 0, 0.8650983882673103, 6.999988388382844, 100]),
    ("exponential", {}, [0, 1 / E, 1, E, 1096.6331584284585, math.inf]),
]


@pytest.mark.parametrize(("op", "keywords", "expected"), ACTIVATIONS)
def test_activations(op: str, keywords: dict, expected: list) -> None:
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        got = run(op, X, **keywords)
    np.testing.assert_allclose(got, [expected], rtol=2e-6, atol=1e-30)


def test_every_activation_is_tested() -> None:
    assert {op for op, _, _ in ACTIVATIONS} == {name for name, op in OPS.items() if op.number >= 32}


def test_softmax_over_another_axis() -> None:
    assert run("softmax", [[[1, 5], [1, 5]]], axis=1) == [[[0.5, 0.5], [0.5, 0.5]]]


def test_no_op_writes_to_its_input() -> None:
    x = np.array(X, np.float32)
    x.flags.writeable = False
    for op, keywords, _ in ACTIVATIONS:
        arrays = {name: np.array(k, np.float32) if isinstance(k, list) else k for name, k in keywords.items()}
        assert OPS[op].run(x, **arrays).dtype == np.float32


def test_growth_is_checked_before_it_is_allocated() -> None:
    side = math.isqrt(MAX_ELEMENTS) + 1
    with pytest.raises(LimitError, match="exceeds 268435456 elements"):
        run("add", np.zeros((1, side, 1)), np.zeros((1, 1, side)))
    with pytest.raises(LimitError, match="exceeds"):
        run("zero_padding", np.zeros((1, 1, 1, 1)), amounts=(65535, 0, 65535, 0))
    with pytest.raises(LimitError, match="exceeds"):
        run("dense", np.zeros((1, side, 1)), kernel=np.zeros((1, side), np.float32))
