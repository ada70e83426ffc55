"""Shapes without computing, memory before it is taken, sources that run forward, factors that stay factors."""

import contextlib
import io
import os
import threading
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import wcodec
from wcodec.container import DEFAULT_LIMITS, NameEntry, RandomAccess, Reader, Writer
from wcodec.errors import GraphError, MemoryBudgetError, TruncatedError
from wcodec.factorizations import FACTORIZATIONS, Factorization
from wcodec.runtime import OPS, Graph, Layer, Runner
from wcodec.runtime.budget import OVERHEAD
from wcodec.runtime.forward import ForwardFile

CASES = {
    "dense": ([(2, 5)], {"kernel": (5, 3), "bias": (3,)}, {}),
    "conv": ([(2, 9, 8, 4)], {"kernel": (3, 2, 2, 6)}, {"strides": (2, 1), "padding": "same", "groups": 2}),
    "depthwise_conv": ([(2, 9, 4)], {"kernel": (3, 4, 2)}, {"padding": "causal", "dilation": 2}),
    "batch_norm": ([(2, 3, 4)], {"mean": (4,), "variance": (4,)}, {}),
    "max_pool": ([(2, 9, 8, 3)], {}, {"size": (3, 2), "strides": 2}),
    "average_pool": ([(2, 9, 3)], {}, {"size": 4, "padding": "same"}),
    "global_max_pool": ([(2, 4, 5, 3)], {}, {"keepdims": True}),
    "global_average_pool": ([(2, 4, 5, 3)], {}, {}),
    "flatten": ([(2, 3, 4)], {}, {}),
    "reshape": ([(2, 3, 4)], {}, {"shape": (-1, 2)}),
    "permute": ([(2, 3, 4)], {}, {"axes": (2, 1)}),
    "zero_padding": ([(2, 3, 4)], {}, {"amounts": (1, 2)}),
    "concatenate": ([(2, 3, 4), (2, 3, 1)], {}, {}),
    "layer_norm": ([(2, 3, 4)], {"gamma": (4,), "beta": (4,)}, {}),
    "embedding": ([(2, 3)], {"table": (7, 5)}, {}),
    "lstm": ([(2, 3, 4)], {"kernel": (4, 8), "recurrent_kernel": (2, 8)}, {"sequences": True}),
    "gru": ([(2, 3, 4)], {"kernel": (4, 6), "recurrent_kernel": (2, 6), "bias": (2, 6)}, {}),
    "simple_rnn": ([(2, 3, 4)], {"kernel": (4, 2), "recurrent_kernel": (2, 2)}, {"sequences": True}),
    "attention": (
        [(2, 3, 4), (2, 5, 4)],
        {f"{n}_kernel": (4, 2, 3) for n in ("query", "key", "value")} | {"output_kernel": (2, 3, 7)},
        {},
    ),
    "up_sampling": ([(2, 3, 4, 1)], {}, {"size": (2, 3)}),
    "cropping": ([(2, 5, 4)], {}, {"amounts": (1, 2)}),
    "repeat_vector": ([(2, 3)], {}, {"count": 4}),
    "reverse": ([(2, 3, 4)], {}, {}),
    "rms_norm": ([(2, 3, 4)], {}, {}),
    "group_norm": ([(2, 3, 4)], {}, {"groups": 2}),
    "rescale": ([(2, 3)], {}, {"scale": 2.0}),
    "prelu": ([(2, 3)], {"alpha": (3,)}, {}),
}


SCRATCH = {  # elements of the cases above
    "conv": 2**20 + 2**20 // 12 * 6 + 72,  # a block of patches of 12, its product with 6 columns, the kernel
    "lstm": 4 * 2 * 8,  # four arrays of a batch of 2 and the gates
    "gru": 4 * 2 * 6,
    "simple_rnn": 4 * 2 * 2,
    "attention": 4 * (2 * 2 * 3 * 5) + 2 * (6 + 6) * (2 * 3 + 2 * 5),  # scores of 2 heads, four projections
}


@pytest.mark.parametrize("op", OPS)
def test_shapes_are_those_of_the_results(op: str) -> None:
    few = OPS[op].inputs[0]
    inputs, tensors, params = CASES.get(op, ([(2, 3)] * few, {}, {}))
    arrays = [np.zeros(shape, np.float32) for shape in inputs]
    given = {name: np.ones(shape, np.float32) for name, shape in tensors.items()}
    assert OPS[op].shape(*inputs, **tensors, **params) == OPS[op].run(*arrays, **given, **params).shape
    assert OPS[op].scratch(*inputs, **tensors, **params) == SCRATCH.get(op, 0)


def two_layers(rank: int | None = None, **options: object) -> bytes:
    """dense (50, 400), relu, dense (400, 300), in a file with its graph; the tensors in the order of the layers."""
    rng = np.random.default_rng(1)
    tensors = {
        "a/kernel": rng.normal(size=(50, 400)).astype("f"),
        "b/kernel": rng.normal(size=(400, 300)).astype("f"),
    }
    layers = (Layer("dense", (0,), {}, {"kernel": 0}), Layer("relu", (1,)), Layer("dense", (2,), {}, {"kernel": 1}))
    return with_graph(wcodec.encode(tensors, coder="elias_gamma", **options).data, Graph(((50,),), layers, (3,)))


def with_graph(data: bytes | None, graph: Graph) -> bytes:
    """The same file with a graph chunk."""
    assert data is not None
    out, reader = io.BytesIO(), Reader(io.BytesIO(data))
    chunks = list(reader)
    grouped = {name for name, in_group in reader.names if in_group}
    writer = Writer(out)
    writer.add_names([NameEntry(*entry) for entry in reader.names])
    writer.add_graph(graph.to_wire())
    for chunk in chunks:
        if chunk.names[0] in grouped:
            writer.add_group(chunk.records, chunk.streams)
        else:
            writer.add_tensor(chunk.records[0], chunk.streams)
    writer.finish()
    return out.getvalue()


def test_a_budget_is_refused_with_the_number_before_anything_is_decoded() -> None:
    data = two_layers()
    with Runner(data) as runner:
        need = runner.memory_needed(1)
        assert need.op == "dense"
        assert need.layer == 2
        # The large kernel and its symbols at the least, and no more than a few times of it.
        assert 2 * 4 * 120_000 < need.nbytes - OVERHEAD < 5 * 4 * 120_000
        assert runner.memory_needed(8).nbytes > need.nbytes
    with pytest.raises(MemoryBudgetError, match=f"{need.nbytes} bytes are needed for 1 samples") as caught:
        Runner(data, memory_budget=need.nbytes - 1)
    assert caught.value.code == 29
    x = np.ones((9, 50), np.float32)
    with Runner(data, memory_budget=need.nbytes) as runner:
        np.testing.assert_array_equal(runner.predict(x), Runner(data).predict(x, batch_size=1))
        with pytest.raises(MemoryBudgetError, match="needed for 9 samples"):
            runner.predict(x, batch_size=9)


def test_a_budget_finds_a_graph_that_does_not_fit_when_it_is_opened() -> None:
    data = with_graph(
        wcodec.encode({"k": np.zeros((9, 1000), "f")}).data,
        Graph(((50,),), (Layer("relu", (0,)), Layer("dense", (1,), {}, {"kernel": 0})), (2,)),
    )
    with pytest.raises(GraphError, match=r"layer 1 \(dense\) does not fit"):
        Runner(data, memory_budget=1 << 30)
    Runner(data)  # without a budget nothing is looked up


def test_open_sizes_need_saying() -> None:
    data = with_graph(
        wcodec.encode({"k": np.zeros((9, 1000), "f")}).data, Graph(((-1, 3),), (Layer("relu", (0,)),), (1,))
    )
    runner = Runner(data, memory_budget=10_000)
    with pytest.raises(GraphError, match="leave sizes open"):
        runner.memory_needed()
    assert runner.memory_needed(2, (7, 3)).nbytes == OVERHEAD + 4 * (2 * 21 + 3 * 2 * 21)
    with pytest.raises(MemoryBudgetError):
        runner.predict(np.zeros((1, 10_000, 3)))


def test_what_decoding_needs_is_read_off_the_manifests() -> None:
    data = two_layers(lossless=True)
    with wcodec.safe_open(data) as file:
        needs = file.needs()
    assert {name: need.shape for name, need in needs.items()} == {"a/kernel": (50, 400), "b/kernel": (400, 300)}
    access = RandomAccess(io.BytesIO(data), DEFAULT_LIMITS)
    size = access.locate("b/kernel").nbytes
    assert needs["b/kernel"].nbytes == size + 2 * 4 * 120_000


def pipe_of(data: bytes) -> int:
    read_end, write_end = os.pipe()

    def feed() -> None:
        # Who has what he needs closes the pipe.
        with contextlib.suppress(BrokenPipeError), os.fdopen(write_end, "wb") as sink:
            sink.write(data)

    threading.Thread(target=feed, daemon=True).start()
    return read_end


def test_a_pipe_runs_once_layer_by_layer() -> None:
    data = two_layers()
    x = np.random.default_rng(2).normal(size=(7, 50)).astype("f")
    expected = Runner(data).predict(x, batch_size=3)
    done: list[tuple[int, int, str]] = []
    with (
        os.fdopen(pipe_of(data), "rb") as pipe,
        Runner(pipe, progress=lambda *p: done.append(p), keep_bytes=0) as runner,
    ):
        np.testing.assert_array_equal(runner.predict(x, batch_size=3), expected)
        with pytest.raises(GraphError, match="tensor 'a/kernel': the source cannot be read again"):
            runner.predict(x)
    assert done[:3] == [(1, 3, "dense"), (2, 3, "relu"), (3, 3, "dense")]
    with os.fdopen(pipe_of(data), "rb") as pipe, Runner(pipe) as runner:  # with room, twice
        runner.predict(x)
        np.testing.assert_array_equal(runner.predict(x, batch_size=3), expected)
    with os.fdopen(pipe_of(data), "rb") as pipe, pytest.raises(GraphError, match="random access only"):
        Runner(pipe, memory_budget=1 << 20)


def test_tensors_that_come_too_early_wait_and_a_cut_pipe_says_where() -> None:
    data = two_layers()
    backwards = Graph(
        ((400,),),
        (Layer("dense", (0,), {}, {"kernel": 1}), Layer("dense", (0,), {}, {"kernel": 1}), Layer("add", (1, 2))),
        (3,),
    )
    x = np.ones((2, 400), np.float32)
    with os.fdopen(pipe_of(with_graph(data, backwards)), "rb") as pipe:
        twice = Runner(pipe, keep_bytes=0).predict(x)
    np.testing.assert_allclose(twice, 2 * (x @ wcodec.decode(data)["b/kernel"]), rtol=1e-5)
    with os.fdopen(pipe_of(data[:-3000]), "rb") as pipe, pytest.raises(TruncatedError, match="tensor 'b/kernel'"):
        Runner(pipe).predict(np.ones((1, 50), np.float32))


def test_a_forward_file_gives_each_tensor_once() -> None:
    file = ForwardFile(io.BytesIO(two_layers()))
    assert file.keys() == ["a/kernel", "b/kernel"]
    assert file.get_tensor("b/kernel").shape == (400, 300)
    assert file.get_tensor("a/kernel").shape == (50, 400)
    with pytest.raises(GraphError, match="cannot be read again"):
        file.get_tensor("a/kernel")
    with pytest.raises(GraphError):
        file.get_tensor("none")


@pytest.mark.parametrize("prefetch", [1, 3])
def test_prefetch_changes_nothing_but_when(prefetch: int) -> None:
    data = two_layers()
    x = np.random.default_rng(2).normal(size=(7, 50)).astype("f")
    with Runner(data, prefetch=prefetch, keep_bytes=0) as runner:
        np.testing.assert_array_equal(
            runner.predict(x, batch_size=2), Runner(data, keep_bytes=0).predict(x, batch_size=2)
        )
    with pytest.raises(GraphError, match=r"layer 2 \(dense\) does not fit"):
        Runner(two_layers_that_do_not_fit(), prefetch=prefetch).predict(x)


def two_layers_that_do_not_fit() -> bytes:
    layers = (Layer("dense", (0,), {}, {"kernel": 0}), Layer("relu", (1,)), Layer("dense", (2,), {}, {"kernel": 0}))
    return with_graph(two_layers(), Graph(((50,),), layers, (3,)))


@dataclass(frozen=True)
class Pair(Factorization):
    """left @ right, with a product of its own that counts its calls."""

    kind: ClassVar[str] = "test.pair"
    calls: ClassVar[list[str]] = []
    rank: int = 4

    @property
    def factor_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"left": (self.shape[0], self.rank), "right": (self.rank, self.shape[1])}

    def fit(self, weight: np.ndarray) -> dict[str, np.ndarray]:
        u, s, vt = np.linalg.svd(weight, full_matrices=False)
        return {"left": u[:, : self.rank] * s[: self.rank], "right": vt[: self.rank]}

    def reconstruct(self, factors, xp=np):
        self.calls.append("reconstruct")
        return xp.matmul(factors["left"], factors["right"])

    def apply(self, factors, x, xp=np):
        self.calls.append("apply")
        return xp.matmul(xp.matmul(x, factors["left"]), factors["right"])


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> type[Pair]:
    for name in list(FACTORIZATIONS):
        monkeypatch.setitem(FACTORIZATIONS, name, FACTORIZATIONS[name])
    wcodec.register_factorization(Pair)
    yield Pair
    FACTORIZATIONS.pop("test.pair", None)


def test_factors_are_applied_where_that_is_cheaper(pair: type[Pair]) -> None:
    x = np.random.default_rng(2).normal(size=(7, 50)).astype("f")
    thin = two_layers(factorizations={"*": lambda shape: Pair(shape, 4)})
    expected = np.maximum(x @ wcodec.decode(thin)["a/kernel"], 0) @ wcodec.decode(thin)["b/kernel"]
    Pair.calls.clear()
    np.testing.assert_allclose(Runner(thin).predict(x), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    assert Pair.calls == ["apply", "apply"]
    # A pair with more numbers than the weight is multiplied out.
    Pair.calls.clear()
    Runner(two_layers(factorizations={"*": lambda shape: Pair(shape, min(shape))})).predict(x)
    assert set(Pair.calls) == {"reconstruct"}


def test_a_kernel_that_another_layer_needs_whole_is_built(pair: type[Pair]) -> None:
    rng = np.random.default_rng(3)
    data = wcodec.encode({"k": rng.normal(size=(90, 90)).astype("f")}, factorizations={"*": lambda s: Pair(s, 3)}).data
    layers = (Layer("embedding", (0,), {}, {"table": 0}), Layer("dense", (1,), {}, {"kernel": 0}))
    Pair.calls.clear()
    y = Runner(with_graph(data, Graph(((1,),), layers, (2,)))).predict(np.zeros((1, 1)))
    assert y.shape == (1, 1, 90)
    assert set(Pair.calls) == {"reconstruct"}
