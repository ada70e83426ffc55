"""Layers with factors for kernels: the originals' CompressedDense, CompressedConv2D and CompressedLinearLayer."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from wcodec.errors import FactorizationError, OptionError, UnfinishedError  # noqa: E402
from wcodec.factorizations import CP, InputOutput, LowRank, TensorTrain, Tucker2  # noqa: E402
from wcodec.factorizations.ranks import low_rank  # noqa: E402
from wcodec.train.hparams import INPUT_COMPRESSION  # noqa: E402
from wcodec.train.layers import CompressedConv2D, CompressedDense, CompressedLinearLayer, FactoredLayer  # noqa: E402
from wcodec.train.originals import factorization_of  # noqa: E402

layers = keras.layers


def array(x):
    return np.asarray(keras.ops.convert_to_numpy(x))


def images(n=4):
    return np.random.default_rng(0).normal(size=(n, 8, 8, 3)).astype("float32")


@pytest.mark.parametrize(
    "options", [{}, {"strides": 2, "padding": "same"}, {"activation": "relu"}, {"use_bias": False}]
)
@pytest.mark.parametrize("factorization", [low_rank(rank=3), lambda s: Tucker2(s, 3, 2)], ids=["low_rank", "tucker2"])
def test_conv_equals_a_plain_one_on_the_decoded_kernel(options, factorization):
    layer = CompressedConv2D(6, (3, 5), factorization, bias_initializer="random_normal", **options)
    model = keras.Sequential([keras.Input((8, 8, 3)), layer])
    decoded = layer.factored_weights()["kernel"]
    plain = layers.Conv2D(6, (3, 5), **options)
    plain.build((None, 8, 8, 3))
    bias = [array(layer.layer.bias)] if options.get("use_bias", True) else []
    plain.set_weights([decoded.factorization.reconstruct(decoded.factors), *bias])
    np.testing.assert_allclose(model.predict(images(), verbose=0), array(plain(images())), atol=1e-5)
    np.testing.assert_allclose(array(layer.finalize()(images())), array(plain(images())), atol=1e-5)


def test_input_compression_equals_its_effective_matrix():
    # The original's own test: 12 x 8, blocks of 4, factor 2: B 4 x 2, C 6 x 4, D 2 x 4.
    layer = CompressedDense(8, lambda shape: InputOutput(shape, 4, 2, 4, 2), activation="relu")
    model = keras.Sequential([keras.Input((12,)), layer])
    factors = {name: array(v) for name, v in layer.factored_variables()[0][0].variables.items()}
    assert sorted(v.shape for v in factors.values()) == [(2, 4), (4, 2), (6, 4)]
    dense = layer.factored_weights()["kernel"].factorization.reconstruct(factors)
    x = np.random.default_rng(1).normal(size=(5, 12)).astype("float32")
    np.testing.assert_allclose(
        model.predict(x, verbose=0), np.maximum(x @ dense + array(layer.layer.bias), 0), atol=1e-5
    )


def test_the_dense_kernel_exists_nowhere():
    layer = CompressedDense(64, low_rank(rank=2))
    model = keras.Sequential([keras.Input((100,)), layer])
    assert sorted(tuple(v.shape) for v in model.weights) == [(2, 64), (64,), (100, 2)]
    assert model.count_params() == 2 * 64 + 64 + 200
    with pytest.raises(UnfinishedError):
        array(layer.layer.kernel)


@pytest.mark.parametrize(
    ("shape", "make"),
    [
        ((12,), lambda: CompressedDense(6, low_rank(rank=2))),
        ((12,), lambda: CompressedDense(6, lambda s: TensorTrain.with_rank(s, 2, modes=2))),
        ((12,), lambda: CompressedLinearLayer(12, 6, low_rank(rank=2))),
        ((8, 8, 3), lambda: CompressedConv2D(4, 3, lambda s: CP(s, 4))),
        ((5, 3), lambda: FactoredLayer(layers.LSTM(4), {"lstm_cell/kernel": low_rank(rank=2)})),
        ((5, 3), lambda: FactoredLayer(layers.GRU(4), {"gru_cell/recurrent_kernel": low_rank(rank=1)})),
        ((5,), lambda: FactoredLayer(layers.Embedding(9, 4), {"embeddings": low_rank(rank=2)})),
    ],
    ids=["dense", "tensor_train", "linear", "conv_cp", "lstm", "gru", "embedding"],
)
def test_it_trains_saves_and_loads(shape, make, tmp_path):
    layer = make()
    model = keras.Sequential([keras.Input(shape), layer, layers.Flatten(), layers.Dense(2, name="head")])
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, (16, *shape)).astype("float32"), rng.integers(0, 2, 16)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    before = {v.path: array(v).copy() for v in model.trainable_variables}
    model.fit(x, y, epochs=1, batch_size=8, verbose=0)
    assert all((array(v) != before[v.path]).any() for v in model.trainable_variables)
    predictions = model.predict(x, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), predictions, atol=1e-6)
    fresh = keras.models.clone_model(model)
    wcodec.load_into(fresh, wcodec.encode(model, lossless=True).data)
    np.testing.assert_allclose(fresh.predict(x, verbose=0), predictions, atol=1e-6)


def test_the_originals_option_nine():
    layer = CompressedDense(84, factorization_of(INPUT_COMPRESSION.parse("input_block_size=20,rank=2")))
    keras.Sequential([keras.Input((400,)), layer])
    assert next(iter(layer.factored_weights()["kernel"].factors.values())).shape == (20, 10)


def test_what_cannot_be_is_told():
    with pytest.raises(FactorizationError, match=r"rank 5 is not in 1\.\.3") as caught:
        CompressedDense(3, low_rank(rank=5), name="fc").build((None, 4))
    assert caught.value.tensor == "factored_fc/kernel"
    with pytest.raises(OptionError, match="no weight 'kernle'; it has kernel, bias"):
        FactoredLayer(layers.Dense(3), {"kernle": lambda s: LowRank(s, 1)}).build((None, 4))
    with pytest.raises(OptionError, match="not built"):
        CompressedDense(3, low_rank(rank=1)).get_config()
