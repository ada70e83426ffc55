"""Folding batch normalization: the formula, the graph, and networks that compute what they did."""

import numpy as np
import pytest

import wcodec
from wcodec.errors import OptionError, UnsupportedTypeError
from wcodec.factorizations import FactoredWeight, LowRank
from wcodec.frontends.batch_norm import Statistics, fold, fold_all
from wcodec.frontends.protocol import NamedTensor
from wcodec.runtime import Graph, Layer, Runner


def test_the_formula_by_hand() -> None:
    # s = gamma / sqrt(variance + epsilon) = (4 / 2, 3 / 3)
    statistics = Statistics(*(np.array(v, np.float32) for v in ([1, 2], [3, 8], [4, 3], [10, 20])), epsilon=1.0)
    kernel, bias = fold(np.array([[1, 2], [3, 4]], np.float32), np.array([5, 6], np.float32), statistics)
    assert kernel.tolist() == [[2, 2], [6, 4]]
    assert bias.tolist() == [(5 - 1) * 2 + 10, (6 - 2) * 1 + 20]
    kernel, bias = fold(np.ones((2, 2), np.float16), None, statistics._replace(gamma=None, beta=None))
    assert kernel.dtype == bias.dtype == np.float16
    assert bias.tolist() == pytest.approx([-0.5, -2 / 3], abs=1e-3)


def test_the_channels_of_a_depthwise_kernel_are_its_last_two_axes() -> None:
    statistics = Statistics(np.zeros(4), np.array([0.0, 3, 8, 15]), None, None, 1.0)
    kernel, _ = fold(np.ones((3, 2, 2), np.float32), None, statistics, channel_axes=2)
    assert kernel[0].tolist() == pytest.approx(np.array([[1, 1 / 2], [1 / 3, 1 / 4]]))


def network(*layers: Layer, outputs: tuple[int, ...], **shapes: tuple[int, ...]) -> tuple[list[NamedTensor], dict]:
    rng = np.random.default_rng(1)
    tensors = [NamedTensor(n, rng.uniform(0.5, 1.5, s).astype("f")) for n, s in shapes.items()]
    return tensors, Graph(((4,),), layers, outputs).to_wire()


NORM = {"gamma": 1, "beta": 2, "mean": 3, "variance": 4}
SHAPES = {"d/kernel": (4, 3), "n/gamma": (3,), "n/beta": (3,), "n/mean": (3,), "n/variance": (3,)}


def test_a_bias_appears_in_the_place_of_the_statistics_and_positions_are_counted_anew() -> None:
    layers = (
        Layer("dense", (0,), {}, {"kernel": 0}),
        Layer("batch_norm", (1,), {"epsilon": 0.5}, NORM),
        Layer("relu", (2,)),
        Layer("dense", (3,), {}, {"kernel": 5}),
    )
    tensors, wire = network(*layers, outputs=(4, 2), **SHAPES, **{"e/kernel": (3, 2)})
    folded, graph = fold_all(tensors, wire)
    assert [t.name for t in folded] == ["d/kernel", "d/bias", "e/kernel"]
    assert Graph.from_wire(graph).outputs == (3, 1)
    assert graph[1] == [0, 32, [0, {-1: 2}]]


@pytest.mark.parametrize(
    ("layers", "outputs"),
    [
        # what the dense layer makes is an output, or goes elsewhere too
        ((Layer("dense", (0,), {}, {"kernel": 0}), Layer("batch_norm", (1,), {}, NORM)), (1, 2)),
        ((Layer("dense", (0,), {}, {"kernel": 0}), Layer("batch_norm", (1,), {}, NORM), Layer("add", (1, 2))), (3,)),
        # something lies between, or nothing before
        (
            (Layer("dense", (0,), {}, {"kernel": 0}), Layer("relu", (1,)), Layer("batch_norm", (2,), {}, NORM)),
            (3,),
        ),
        ((Layer("batch_norm", (0,), {}, NORM),), (1,)),
        # the kernel serves another layer too
        (
            (
                Layer("dense", (0,), {}, {"kernel": 0}),
                Layer("batch_norm", (1,), {}, NORM),
                Layer("dense", (0,), {}, {"kernel": 0}),
                Layer("add", (2, 3)),
            ),
            (4,),
        ),
        # not along the channels
        ((Layer("dense", (0,), {}, {"kernel": 0}), Layer("batch_norm", (1,), {"axis": 1}, NORM)), (2,)),
    ],
)
def test_what_cannot_be_folded_stays(layers: tuple[Layer, ...], outputs: tuple[int, ...]) -> None:
    tensors, wire = network(*layers, outputs=outputs, **SHAPES)
    assert fold_all(tensors, wire) == (tensors, wire)


def test_a_factored_kernel_is_refused_by_name() -> None:
    layers = (Layer("dense", (0,), {}, {"kernel": 0}), Layer("batch_norm", (1,), {}, NORM))
    tensors, wire = network(*layers, outputs=(2,), **SHAPES)
    weight = LowRank((4, 3), 1)
    tensors[0] = NamedTensor("d/kernel", FactoredWeight(weight, weight.fit(np.ones((4, 3), np.float32))))
    with pytest.raises(UnsupportedTypeError, match="tensor 'd/kernel': a factored weight"):
        fold_all(tensors, wire)


def test_a_keras_network_computes_what_it_did_in_fewer_tensors(keras) -> None:
    from .test_keras_graph import randomize

    layers = keras.layers
    x = inputs = keras.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(scale=False)(x))
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x))
    y = layers.BatchNormalization(center=False)(layers.Conv2D(8, 1)(y))
    x = layers.BatchNormalization()(layers.Add()([x, y]))  # stays
    x = layers.BatchNormalization()(layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))
    model = keras.Model(inputs, x)
    randomize(model)
    data = np.random.default_rng(2).normal(size=(6, 12, 12, 3)).astype("f")
    plain = wcodec.encode(model, lossless=True, graph=True)
    folded = wcodec.encode(model, lossless=True, merge_batch_norm=True)
    with Runner(plain.data) as a, Runner(folded.data) as b:
        expected = a.predict(data)
        np.testing.assert_allclose(b.predict(data), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
        assert len(a.graph.layers) - len(b.graph.layers) == 4
    names = [row.name for row in folded.rows]
    assert len(names) == len(plain.rows) - 14 + 1  # four statistics, one bias that was not there
    assert "conv2d/bias" in names or any(name.endswith("/bias") for name in names)
    with pytest.raises(OptionError, match="merge_batch_norm excludes it"):
        wcodec.encode(model, merge_batch_norm=True, calibration=data, target_bytes=10_000)
