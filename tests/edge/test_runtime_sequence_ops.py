"""Ops of sequences, normalization by sample, and what moves elements, on numbers that were worked out by hand."""

import math

import numpy as np
import pytest

from wcodec.runtime import OPS


def run(op: str, *inputs: object, **keywords: object) -> np.ndarray:
    arrays = {name: np.array(k, np.float32) if isinstance(k, list) else k for name, k in keywords.items()}
    return OPS[op].run(*(np.array(x, np.float32) for x in inputs), **arrays)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_layer_norm_and_rms_norm() -> None:
    # mean 2, variance 1 (of 1 and 3), epsilon 0
    assert run("layer_norm", [[1, 3]], epsilon=0.0).tolist() == [[-1, 1]]
    assert run("layer_norm", [[1, 3]], epsilon=3.0, gamma=[2, 4], beta=[0, 1]).tolist() == [[-1, 3]]
    assert run("layer_norm", [[[1, 1], [3, 3]]], epsilon=0.0, axes=(1,)).tolist() == [[[-1, -1], [1, 1]]]
    assert run("rms_norm", [[3, 4, 0, 0]], epsilon=0.0, gamma=[1, 2, 1, 1]).tolist() == pytest.approx(
        np.array([[1.2, 3.2, 0, 0]])
    )


def test_group_norm_takes_runs_of_channels_over_all_places() -> None:
    x = [[[1, 3, 0, 10], [3, 1, 10, 0]]]
    assert run("group_norm", x, groups=2, epsilon=0.0).tolist() == [[[-1, 1, -1, 1], [1, -1, 1, -1]]]
    assert run("group_norm", x, groups=2, epsilon=0.0, gamma=[1, 1, 1, 3], beta=[0, 0, 5, 0]).tolist() == [
        [[-1, 1, 4, 3], [1, -1, 6, -3]]
    ]
    with pytest.raises(ValueError, match="3 groups"):
        run("group_norm", x, groups=3)


def test_embedding_takes_rows_and_refuses_what_is_none() -> None:
    table = [[1, 2], [3, 4], [5, 6]]
    assert run("embedding", [[2, 0]], table=table).tolist() == [[[5, 6], [1, 2]]]
    assert run("embedding", np.zeros((1, 0)), table=table).shape == (1, 0, 2)
    for wrong in (3, -1, 0.5, math.nan, math.inf):
        with pytest.raises(ValueError, match="none of the 3 rows"):
            run("embedding", [[wrong]], table=table)


def test_lstm_of_one_unit() -> None:
    weights = {"kernel": [[1, 2, 3, 4]], "recurrent_kernel": [[0.5, 0.25, -1, 1]], "bias": [0, 1, 0, -1]}
    h = c = 0.0
    hidden = []
    for x in (0.5, -1.0):
        i, f, g, o = (
            x * k + h * r + b for k, r, b in zip((1, 2, 3, 4), (0.5, 0.25, -1, 1), (0, 1, 0, -1), strict=True)
        )
        c = sigmoid(f) * c + sigmoid(i) * math.tanh(g)
        h = sigmoid(o) * math.tanh(c)
        hidden.append(h)
    steps = [[[0.5], [-1]]]
    assert run("lstm", steps, **weights).ravel() == pytest.approx([h], abs=1e-6)
    assert run("lstm", steps, **weights, sequences=True).ravel() == pytest.approx(hidden, abs=1e-6)
    assert run("lstm", [[[-1], [0.5]]], **weights, backwards=True, sequences=True).ravel() == pytest.approx(
        hidden, abs=1e-6
    )


def test_gru_of_one_unit_with_the_reset_after_and_before() -> None:
    k, r = (1, 2, 3), (0.5, -1, 2)
    for after in (True, False):
        bias = [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]] if after else [0.1, 0.2, 0.3]
        inner = bias[1] if after else (0, 0, 0)
        outer = bias[0] if after else bias
        h = 0.0
        for x in (0.5, -1.0):
            z = sigmoid(x * k[0] + outer[0] + h * r[0] + inner[0])
            reset = sigmoid(x * k[1] + outer[1] + h * r[1] + inner[1])
            seen = reset * (h * r[2] + inner[2]) if after else (reset * h) * r[2]
            h = z * h + (1 - z) * math.tanh(x * k[2] + outer[2] + seen)
        y = run("gru", [[[0.5], [-1]]], kernel=[list(k)], recurrent_kernel=[list(r)], bias=bias, reset_after=after)
        assert y.ravel() == pytest.approx([h], abs=1e-6)


def test_simple_rnn_and_no_steps() -> None:
    y = run("simple_rnn", [[[1], [2]]], kernel=[[1]], recurrent_kernel=[[0.5]], bias=[1], activation="linear")
    assert y.tolist() == [[(1 + 1) * 0.5 + 2 + 1]]
    assert run("simple_rnn", np.zeros((3, 0, 1)), kernel=[[1]], recurrent_kernel=[[1]]).tolist() == [[0], [0], [0]]


def test_attention_of_one_head() -> None:
    one = [[[1.0]]]
    same = {"query_kernel": one, "key_kernel": one, "value_kernel": one, "output_kernel": one}
    x = [[[0.0], [2.0]]]
    weight = math.exp(4) / (1 + math.exp(4))  # of step 1 for itself: scores 0 and 4
    assert run("attention", x, x, **same).ravel() == pytest.approx([1.0, 2 * weight], abs=1e-6)
    assert run("attention", x, x, **same, causal=True).ravel() == pytest.approx([0.0, 2 * weight], abs=1e-6)
    # A key of its own, and a bias of the output.
    y = run("attention", x, [[[1.0], [3.0]]], [[[0.0], [0.0]]], **same, output_bias=[10.0])
    assert y.ravel() == pytest.approx([12.0, 12.0])


def test_attention_scales_by_the_root_of_its_size() -> None:
    wide = np.ones((1, 1, 4), np.float32)
    tall = np.full((1, 4, 1), 0.25, np.float32)
    kernels = {"query_kernel": wide, "key_kernel": wide, "value_kernel": wide, "output_kernel": tall}
    x = [[[0.0], [1.0]]]
    weight = math.exp(2) / (1 + math.exp(2))  # 4 * 1 * 1 / sqrt(4)
    assert run("attention", x, x, **kernels)[0, 1, 0] == pytest.approx(weight, abs=1e-6)


def test_what_moves_elements() -> None:
    image = [[[[1], [2]], [[3], [4]]]]
    assert run("up_sampling", image, size=(1, 2)).tolist() == [[[[1], [1], [2], [2]], [[3], [3], [4], [4]]]]
    assert run("up_sampling", image).shape == (1, 4, 4, 1)
    assert run("cropping", image, amounts=(0, 1, 1, 0)).tolist() == [[[[2]]]]
    with pytest.raises(ValueError, match="smaller than what is cropped"):
        run("cropping", image, amounts=(2, 1, 0, 0))
    assert run("repeat_vector", [[1, 2]], count=2).tolist() == [[[1, 2], [1, 2]]]
    assert run("reverse", [[[1], [2], [3]]]).tolist() == [[[3], [2], [1]]]
    with pytest.raises(ValueError, match="no axis 2"):
        run("reverse", [[1]], axis=2)
