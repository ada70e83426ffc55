"""What every kind of factorization keeps, whatever it is."""

import tracemalloc

import numpy as np
import pytest

import wcodec
from wcodec.chunks.decoder import decode_chunk
from wcodec.chunks.encoder import Choice, ChunkItem, Profile, encode_chunk
from wcodec.coders import CODERS
from wcodec.container import TensorChunk
from wcodec.errors import FactorizationError, NonFiniteError
from wcodec.factorizations import CP, FACTORIZATIONS, FactoredWeight, HierarchicalTucker, TensorRing, TensorTrain
from wcodec.quantize import from_symbols, to_symbols


def weight_of(factorization, seed=0):
    return np.random.default_rng(seed).normal(size=factorization.shape).astype(np.float32)


def test_every_kind_is_among_the_examples(request):
    plugins = request.config.pluginmanager.get_plugins()
    examples = next(plugin.EXAMPLES for plugin in plugins if hasattr(plugin, "EXAMPLES"))
    assert {*examples, "tfc"} == {kind for kind, cls in FACTORIZATIONS.items() if cls.number is not None}


def test_fit_gives_the_factors_that_the_parameters_say(any_kind):
    weight = weight_of(any_kind)
    before = weight.copy()
    factors = any_kind.fit(weight)
    assert np.array_equal(weight, before)
    assert {name: f.shape for name, f in factors.items()} == any_kind.factor_shapes
    assert list(factors) == list(any_kind.factor_shapes)
    integers = any_kind.integer_factors
    assert all(f.dtype == (np.int32 if name in integers else np.float32) for name, f in factors.items())
    any_kind.check(factors)
    rebuilt = any_kind.reconstruct(factors)
    assert (rebuilt.shape, rebuilt.dtype) == (any_kind.shape, np.float32)
    assert np.linalg.norm(rebuilt - weight) < 1.1 * np.linalg.norm(weight)


def test_fit_is_the_same_twice(any_kind):
    weight = weight_of(any_kind)
    first, second = any_kind.fit(weight), any_kind.fit(weight)
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_apply_is_the_product_with_the_weight(any_kind):
    factors = any_kind.fit(weight_of(any_kind))
    matrix = any_kind.reconstruct(factors).reshape(-1, any_kind.shape[-1])
    for shape in ((matrix.shape[0],), (2, 3, matrix.shape[0])):
        x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        product = any_kind.apply(factors, x)
        assert product.shape == (*shape[:-1], matrix.shape[1])
        assert np.abs(product - x @ matrix).max() < 2e-5


def test_it_goes_through_a_file(any_kind):
    weight = weight_of(any_kind)
    factory = {"w": lambda shape: any_kind}
    lossless = wcodec.encode({"w": weight}, lossless=True, factorizations=factory)
    assert [row.kind for row in lossless.rows] == [any_kind.kind]
    exact = any_kind.reconstruct(any_kind.fit(weight))
    assert np.array_equal(wcodec.decode(lossless.data)["w"], exact)
    near = wcodec.decode(wcodec.encode({"w": weight}, factorizations=factory).data)["w"]
    assert np.linalg.norm(near - exact) < 0.1 * np.linalg.norm(exact)


def test_quantized_factors_rebuild_as_a_decoder_does(any_kind):
    factors = any_kind.fit(weight_of(any_kind))
    codes = {name: np.array(200) for name in factors if name not in any_kind.integer_factors}
    raw = Choice((CODERS["raw"],))
    item = ChunkItem("w", FactoredWeight(any_kind, factors, codes), np.dtype(np.float32), "as_is")
    chunk = TensorChunk(("w",), *map(tuple, encode_chunk([item], Profile(raw, raw))))
    ((_, decoded),) = decode_chunk(chunk, wcodec.Limits())
    seen = {n: from_symbols(to_symbols(f, codes[n]), codes[n]) if n in codes else f for n, f in factors.items()}
    assert np.array_equal(decoded, any_kind.reconstruct(seen))


def test_zeros_stay_zeros(any_kind):
    factors = any_kind.fit(np.zeros(any_kind.shape, np.float32))
    assert all(np.isfinite(f).all() for f in factors.values())
    assert not any_kind.reconstruct(factors).any()


def test_a_weight_of_one_column_that_is_not_zero(any_kind):
    """Rank one, and almost all zero."""
    weight = np.zeros(any_kind.shape, np.float32)
    weight[..., 0] = 1
    factors = any_kind.fit(weight)
    any_kind.check(factors)
    assert np.isfinite(any_kind.reconstruct(factors)).all()


def test_refused_weights(any_kind):
    if any_kind.kind in ("dense", "rdft", "tent", "pool", "dct", "block"):
        pytest.skip("linear: NaN is refused where the factor is quantized")
    weight = weight_of(any_kind)
    weight.flat[1] = np.nan
    with pytest.raises(NonFiniteError, match=f"factored by {any_kind.kind}"):
        any_kind.fit(weight)
    with pytest.raises(FactorizationError, match="was made for a weight of shape"):
        any_kind.fit(weight[1:])


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1), (1, 6), (6, 1), (0, 3), (3, 0)])
@pytest.mark.parametrize(
    "kind", [k for k, cls in FACTORIZATIONS.items() if 5 <= (cls.number or 0) <= 19 or k == "block_sparse"]
)
def test_tiny_and_empty_weights(kind, shape):
    if kind == "product_quantization":
        pytest.importorskip("sklearn", reason="fitting product_quantization needs the extra factor")
    cls = FACTORIZATIONS[kind]
    m, n = int(np.prod(shape[:-1])), shape[-1]
    digits = ((max(m, 1), 1), (1, max(n, 1)))
    params = {
        "tensor_train": (*digits, (1,)), "tensor_ring": (*digits, (1, 1)), "hierarchical_tucker": (*digits, (1, 1)),
        "sparse_kmeans": (0, 1), "dictionary": (1, 1), "tucker2": (1, 1), "input_output": (1, 1),
        "product_quantization": (2, 1), "mixed_block": (1, 1, 1), "block_sparse": (1, 1, min(1, m * n)),
    }.get(kind, (1,))  # fmt: skip
    if kind == "t_product" and len(shape) < 3:
        with pytest.raises(FactorizationError, match="kernel positions"):
            cls(shape, *params)
        return
    factorization = cls(shape, *params)
    weight = np.arange(1, 1 + m * n, dtype=np.float32).reshape(shape)
    factors = factorization.fit(weight)
    assert {name: f.shape for name, f in factors.items()} == factorization.factor_shapes
    rebuilt = factorization.reconstruct(factors)
    assert rebuilt.shape == shape
    assert np.isfinite(rebuilt).all()
    if weight.size == 1 and kind not in ("sparse_kmeans",):
        assert abs(rebuilt.item() - 1) < 1e-5


@pytest.mark.parametrize(
    "factorization",
    [
        TensorTrain.with_rank((300, 300), 10**6, 4),
        TensorRing.with_rank((300, 300), 10**6, 4),
        TensorRing((64, 64), (2, 16, 2), (2, 16, 2), (4, 4, 256)),
        HierarchicalTucker.with_rank((300, 300), 10**6, 5),
        CP((30, 30, 100), 900),
    ],
    ids=lambda f: f.kind,
)
def test_the_largest_ranks_cost_a_small_multiple_of_the_factors_and_the_weight(factorization):
    """A hostile record may ask for them: what is built on the way is bounded by what the limits count."""
    rng = np.random.default_rng(0)
    factors = {name: rng.normal(size=s).astype(np.float32) for name, s in factorization.factor_shapes.items()}
    counted = 4 * (int(np.prod(factorization.shape)) + sum(f.size for f in factors.values()))
    tracemalloc.start()
    factorization.reconstruct(factors)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * counted
