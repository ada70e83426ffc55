"""Runner on files that a dictionary stands for: order, memory, and graphs that do not fit."""

import random
import weakref
from collections import Counter

import ml_dtypes
import msgpack
import numpy as np
import pytest

from wcodec.errors import GraphError, LimitError, WczError
from wcodec.runtime import OPS, Graph, Layer, Runner


class Source:
    """An opened file: keys, get_tensor and graph; counts what is decoded."""

    def __init__(self, graph: Graph | None, **tensors: np.ndarray) -> None:
        self._graph, self._tensors = graph, tensors
        self.decoded: Counter[str] = Counter()

    def keys(self) -> list[str]:
        return list(self._tensors)

    def get_tensor(self, name: str) -> np.ndarray:
        self.decoded[name] += 1
        return self._tensors[name]

    def graph(self) -> object:
        return None if self._graph is None else self._graph.to_wire()


def dense(*positions: int, source: int = 0) -> Layer:
    return Layer("dense", (source,), {}, dict(zip(("kernel", "bias"), positions, strict=False)))


def two_layers() -> Source:
    rng = np.random.default_rng(1)
    small, large = rng.normal(size=(4, 3)).astype("f"), rng.normal(size=(3, 4000)).astype("f")
    graph = Graph(((4,),), (dense(0), Layer("relu", (1,)), dense(1, source=2)), (3,))
    return Source(graph, small=small, large=large)


def test_predict_equals_the_formula_whatever_the_batch() -> None:
    source = two_layers()
    x = np.random.default_rng(2).normal(size=(7, 4)).astype("f")
    expected = np.maximum(x @ source.get_tensor("small"), 0) @ source.get_tensor("large")
    for batch_size in (1, 3, 7, 100):
        y = Runner(source).predict(x, batch_size=batch_size)
        assert y.shape == (7, 4000)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_nothing_is_decoded_before_it_is_needed_and_large_tensors_go_by_the_room() -> None:
    source = two_layers()
    runner = Runner(source, keep_bytes=0)
    assert not source.decoded
    runner.predict(np.zeros((6, 4)), batch_size=2)
    assert source.decoded == {"small": 1, "large": 3}
    source = two_layers()
    Runner(source, keep_bytes=48_000).predict(np.zeros((6, 4)), batch_size=2)
    assert source.decoded == {"small": 1, "large": 1}


def test_activations_are_freed_after_their_last_use(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = tuple(Layer("relu", (i,)) for i in range(5))
    runner = Runner(Source(Graph(((2,),), layers, (5, 1))))
    made: list[weakref.ref] = []
    alive: list[int] = []
    run_layer = runner._run_layer

    def watched(number: int, layer: Layer, inputs: list[np.ndarray], tensors: dict) -> np.ndarray:
        alive.append(sum(ref() is not None for ref in made))
        y = run_layer(number, layer, inputs, tensors)
        made.append(weakref.ref(y))
        return y

    monkeypatch.setattr(runner, "_run_layer", watched)
    last, first = runner.predict(np.ones((1, 2)))
    assert alive == [0, 1, 2, 2, 2]  # value 1 is an output and stays; the input of the layer is alive too
    assert (first == last).all()


def test_several_inputs_and_outputs_come_in_the_order_of_the_graph() -> None:
    graph = Graph(((2,), (2,)), (Layer("subtract", (0, 1)), Layer("add", (0, 1))), (3, 2, 0))
    added, difference, same = Runner(Source(graph)).predict([np.full((3, 2), 5.0), np.full((3, 2), 2)], batch_size=2)
    assert (added == 7).all()
    assert (difference == 3).all()
    assert (same == 5).all()


def test_no_samples_give_no_results() -> None:
    assert Runner(two_layers()).predict(np.zeros((0, 4))).shape == (0, 4000)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2])
def test_tensors_of_every_float_dtype_compute_as_float32(dtype: type) -> None:
    source = Source(Graph(((2,),), (dense(0),), (1,)), k=np.array([[0.5], [2]], dtype))
    y = Runner(source).predict([[1, 1]])
    assert y.dtype == np.float32
    assert y.tolist() == [[2.5]]


KERNEL = np.ones((4, 3), np.float32)
MISFITS = [
    (Source(None), None, "holds no layer graph"),
    (Source(Graph(((4,),), (dense(0, 1),), (1,)), k=KERNEL), None, "layer 0 (dense) asks for a tensor"),
    (Source(Graph(((5,),), (dense(0),), (1,)), k=KERNEL), np.ones((1, 5)), "layer 0 (dense) does not fit"),
    (Source(Graph(((4,),), (dense(0),), (1,)), k=KERNEL.astype(int)), np.ones((1, 4)), "tensor 'k': a layer cannot"),
    (Source(Graph(((4,),), (dense(0),), (1,)), k=KERNEL), np.ones((1, 5)), "input 0 has shape (batch, 4,), not (1, 5)"),
    (Source(Graph(((4,),), (dense(0),), (1,)), k=KERNEL), np.ones(4), "input 0 has shape"),
    (Source(Graph(((4,), (4,)), (), (1,))), [np.ones((1, 4))], "takes 2 inputs, not 1"),
    (Source(Graph(((4,), (4,)), (), (1,))), [np.ones((1, 4)), np.ones((2, 4))], "differ in their number of samples"),
    (
        Source(Graph(((4,),), (Layer("conv", (0,), {}, {"kernel": 0}),), (1,)), k=KERNEL),
        np.ones((1, 4)),
        "(conv) does not",
    ),
    (
        Source(Graph(((4,),), (Layer("max_pool", (0,), {"size": (2, 2)}),), (1,))),
        np.ones((1, 4)),
        "(max_pool) does not",
    ),
    (Source(Graph(((4, 1),), (Layer("max_pool", (0,), {"size": 9}),), (1,))), np.ones((1, 4, 1)), "do not fit into"),
    (Source(Graph(((4,),), (Layer("reshape", (0,), {"shape": (3,)}),), (1,))), np.ones((1, 4)), "(reshape) does not"),
    (Source(Graph(((4,),), (Layer("softmax", (0,), {"axis": 5}),), (1,))), np.ones((1, 4)), "(softmax) does not"),
    (Source(Graph(((4,),), (Layer("concatenate", (0, 0), {"axis": 0}),), (1,))), np.ones((2, 4)), "number of samples"),
]


@pytest.mark.parametrize(("source", "x", "rule"), MISFITS)
def test_what_does_not_fit_is_a_graph_error(source: Source, x: object, rule: str) -> None:
    with pytest.raises(GraphError) as caught:
        Runner(source).predict(x)
    assert rule in str(caught.value)


def test_a_batch_of_no_samples_is_refused() -> None:
    with pytest.raises(GraphError, match="batch_size is at least 1"):
        Runner(two_layers()).predict(np.zeros((1, 4)), batch_size=0)


def test_running_out_of_memory_is_a_limit_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> np.ndarray:
        raise MemoryError

    op = OPS["dense"]
    monkeypatch.setitem(OPS, "dense", type(op)(op.number, exhausted, op.params, op.tensors, op.optional))
    with pytest.raises(LimitError, match=r"layer 0 \(dense\)"):
        Runner(two_layers()).predict(np.zeros((1, 4)))


def test_repr_says_how_large_the_network_is() -> None:
    assert repr(Runner(two_layers())) == "Runner(3 layers, 2 tensors)"


def test_infinity_and_nan_go_their_way_without_a_warning() -> None:
    graph = Graph(((2,),), (Layer("batch_norm", (0,), {}, {"mean": 0, "variance": 1}), Layer("softmax", (1,))), (1, 2))
    source = Source(graph, mean=np.array([np.inf, 0], "f"), variance=np.array([1, -1], "f"))
    normed, _ = Runner(source).predict(np.ones((1, 2)))
    assert normed[0, 0] == -np.inf
    assert np.isnan(normed[0, 1])


def damaged(packed: bytes, rng: random.Random) -> bytes:
    """One to three bytes changed, dropped or put in; large integers and infinities are put in whole."""
    data = bytearray(packed)
    for _ in range(rng.choice([1, 1, 2, 3])):
        at = rng.randrange(len(data))
        pieces = [b"", b"\x00", b"\xff", b"\xcd\xff\xff", b"\xce\x7f\xff\xff\xff", b"\xcb\x7f\xf0\0\0\0\0\0\0"]
        piece = rng.choice([bytes([rng.randrange(256)]), *pieces])
        data[at : at + rng.choice([0, 1])] = piece
    return bytes(data)


def test_a_damaged_graph_runs_or_is_a_wcz_error() -> None:
    layers = (
        Layer("conv", (0,), {"strides": 2, "padding": "same"}, {"kernel": 0, "bias": 1}),
        Layer("relu", (1,), {"max_value": 6.0}),
        Layer("depthwise_conv", (2,), {"padding": "same"}, {"kernel": 2}),
        Layer("batch_norm", (3,), {"epsilon": 1e-5}, {"gamma": 1, "beta": 1, "mean": 1, "variance": 1}),
        Layer("add", (4, 2)),
        Layer("average_pool", (5,), {"size": (2, 3), "strides": 1, "padding": "same"}),
        Layer("concatenate", (6, 6)),
        Layer("zero_padding", (7,), {"amounts": (1, 2, 1, 1)}),
        Layer("permute", (8,), {"axes": (2, 1, 3)}),
        Layer("global_max_pool", (9,)),
        Layer("reshape", (10,), {"shape": (2, -1)}),
        Layer("dense", (11,), {}, {"kernel": 3}),
    )
    shapes = {"k": (3, 3, 2, 4), "b": (4,), "d": (3, 3, 4, 1), "w": (4, 4)}
    source = Source(Graph(((8, 8, 2),), layers, (12, 7)), **{n: np.ones(s, np.float32) for n, s in shapes.items()})
    packed, rng, x = msgpack.packb(source.graph()), random.Random(7), np.ones((1, 8, 8, 2))
    outcomes: Counter[str] = Counter()
    for _ in range(4000):
        try:
            stored = msgpack.unpackb(damaged(packed, rng), strict_map_key=False)
        except (ValueError, TypeError, msgpack.UnpackException):
            continue  # the container refuses it
        source.graph = lambda stored=stored: stored
        try:
            Runner(source).predict(x)
            outcomes["ran"] += 1
        except WczError as e:
            outcomes[type(e).__name__] += 1
    assert outcomes["GraphError"] > 400
    assert outcomes["ran"] > 50
