"""Every kind of layer trains through fit, saves, and reloads with the same predictions."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.train import compressible  # noqa: E402

layers = keras.layers
SAMPLES, CLASSES = 32, 3


def attention(x):
    return layers.MultiHeadAttention(2, 3, name="layer")(x, x)


# kind: (shape of one sample, layer as a function of a tensor, weights whose latents are in the frequency domain)
LAYERS = {
    "Dense": ((6,), layers.Dense(5, activation="relu", name="layer"), []),
    "Conv1D": ((8, 2), layers.Conv1D(4, 3, name="layer"), ["layer/kernel"]),
    "Conv2D": ((6, 6, 2), layers.Conv2D(4, 3, name="layer"), ["layer/kernel"]),
    "Conv2D 1x1": ((6, 6, 2), layers.Conv2D(4, 1, name="layer"), []),
    "Conv3D": ((4, 4, 4, 1), layers.Conv3D(3, 2, name="layer"), ["layer/kernel"]),
    "Conv2DTranspose": ((4, 4, 2), layers.Conv2DTranspose(3, 3, name="layer"), ["layer/kernel"]),
    "DepthwiseConv2D": ((6, 6, 2), layers.DepthwiseConv2D(3, name="layer"), ["layer/kernel"]),
    "SeparableConv2D": ((6, 6, 2), layers.SeparableConv2D(4, 3, name="layer"), ["layer/depthwise_kernel"]),
    "TimeDistributed Conv1D": (
        (2, 8, 2),
        layers.TimeDistributed(layers.Conv1D(3, 3, name="conv"), name="layer"),
        ["layer/conv/kernel"],
    ),
    "Embedding": ((7,), layers.Embedding(10, 4, name="layer"), []),
    "LSTM": ((5, 3), layers.LSTM(4, name="layer"), []),
    "GRU": ((5, 3), layers.GRU(4, name="layer"), []),
    "Bidirectional LSTM": ((5, 3), layers.Bidirectional(layers.LSTM(3), name="layer"), []),
    "MultiHeadAttention": ((5, 4), attention, []),
    "EinsumDense": ((5, 4), layers.EinsumDense("abc,cd->abd", (5, 3), bias_axes="d", name="layer"), []),
    "BatchNormalization": ((6,), layers.BatchNormalization(name="layer"), []),
}


def make_model(shape, layer):
    inputs = keras.Input(shape)
    hidden = layers.Dropout(0.1, seed=1)(layers.Flatten()(layer(inputs)))
    return keras.Model(inputs, layers.Dense(CLASSES, name="head")(hidden))


def make_data(shape):
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, SAMPLES)
    x = rng.integers(0, 10, (SAMPLES, *shape)) + y.reshape(-1, *[1] * len(shape))
    return np.minimum(x, 9).astype("float32"), y.astype("int32")


def values(variables):
    return [keras.ops.convert_to_numpy(v).copy() for v in variables]


def predict(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


@pytest.mark.parametrize("kind", LAYERS)
def test_layer_trains_saves_and_reloads(kind, tmp_path):
    shape, layer, frequency_domain = LAYERS[kind]
    x, y = make_data(shape)
    wrapped = compressible(make_model(shape, layer))
    assert [w.name for w, _ in wrapped.latent_weights() if w.factorization.kind == "rdft"] == frequency_domain

    before = values(wrapped.trainable_variables)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    wrapped.compile(keras.optimizers.Adam(1e-2), loss, jit_compile=False)
    history = wrapped.fit(x, y, epochs=2, batch_size=16, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert len(history["estimated_nbytes"]) == 2
    after = values(wrapped.trainable_variables)
    unmoved = [
        v.path
        for v, old, new in zip(wrapped.trainable_variables, before, after, strict=True)
        if np.array_equal(old, new)
    ]
    assert unmoved == []

    predictions = predict(wrapped, x)
    wrapped.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predict(reloaded, x), predictions)

    np.testing.assert_allclose(predict(wrapped.finalize(), x), predictions, rtol=1e-4, atol=1e-4)
