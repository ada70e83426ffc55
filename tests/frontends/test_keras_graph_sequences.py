"""Recurrent layers, attention, embeddings and the normalizations: the runtime computes what Keras computes."""

import numpy as np
import pytest

from wcodec.errors import UnsupportedTypeError
from wcodec.frontends import FRONTENDS

from .test_keras_graph import agree

GRAPH = FRONTENDS["keras"].graph


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
def test_recurrent_layers(keras, kind) -> None:
    layer = getattr(keras.layers, kind)
    x = inputs = keras.Input((7, 5))
    outputs = [
        layer(4)(x),
        layer(4, return_sequences=True, use_bias=False)(x),
        layer(3, go_backwards=True, return_sequences=True, activation="relu")(x),
        keras.layers.Bidirectional(layer(3, return_sequences=True))(x),
        keras.layers.Bidirectional(layer(3), merge_mode="sum")(x),
    ]
    agree(keras, inputs, outputs)


def test_a_gru_with_the_reset_before_and_other_gates(keras) -> None:
    x = inputs = keras.Input((6, 4))
    outputs = [
        keras.layers.GRU(5, reset_after=False, recurrent_activation="hard_sigmoid")(x),
        keras.layers.GRU(5, reset_after=False, use_bias=False, activation="softplus")(x),
        keras.layers.GRU(5, reset_after=True, use_bias=False)(x),
        keras.layers.LSTM(5, activation="silu", recurrent_activation="linear", unroll=True)(x),
    ]
    agree(keras, inputs, outputs)


def test_attention(keras) -> None:
    layers = keras.layers
    left, right = keras.Input((6, 8)), keras.Input((4, 8))
    own = layers.MultiHeadAttention(2, 3, value_dim=5)(left, left)
    causal = layers.MultiHeadAttention(2, 3, use_bias=False)(left, left, use_causal_mask=True)
    cross = layers.MultiHeadAttention(1, 4, output_shape=7)(left, right)
    keyed = layers.MultiHeadAttention(2, 4)(query=left, value=right, key=layers.Dense(8)(right))
    agree(keras, [left, right], [own, causal, cross, keyed])


def test_a_transformer_block(keras) -> None:
    layers = keras.layers
    x = inputs = keras.Input((9, 16))
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(4, 4)(y, y)])
    y = layers.Dense(32, activation="gelu")(layers.LayerNormalization(center=False)(x))
    x = layers.Add()([x, layers.Dense(16)(layers.Dropout(0.1)(y))])
    agree(keras, inputs, layers.GlobalAveragePooling1D()(layers.RMSNormalization()(x)))


def test_normalizations(keras) -> None:
    layers = keras.layers
    x = inputs = keras.Input((6, 5, 8))
    outputs = [
        layers.LayerNormalization(axis=[1, 3], scale=False)(x),
        layers.LayerNormalization(axis=2)(x),
        layers.GroupNormalization(4)(x),
        layers.GroupNormalization(-1, center=False)(x),
        layers.RMSNormalization(axis=-1, epsilon=1e-3)(x),
    ]
    agree(keras, inputs, outputs)


def test_an_embedding_and_what_follows_it(keras) -> None:
    layers = keras.layers
    counts = keras.Input((5,))
    words = layers.ReLU()(counts)  # random inputs are no words: 0 is one
    x = layers.Embedding(11, 6)(layers.Rescaling(0.0, offset=3.0)(words))
    agree(keras, counts, [layers.LSTM(4)(x), layers.Flatten()(layers.UpSampling1D(3)(x))])


def test_sampling_up_and_cropping(keras) -> None:
    layers = keras.layers
    x = inputs = keras.Input((6, 5, 3))
    outputs = [layers.UpSampling2D((2, 3))(x), layers.Cropping2D(((1, 2), (0, 1)))(x)]
    vector = layers.Flatten()(x)
    agree(keras, inputs, [*outputs, layers.RepeatVector(4)(vector)])
    y = keras.Input((4, 4, 4, 2))
    agree(keras, y, layers.Cropping3D(1)(layers.UpSampling3D(2)(y)))
    z = keras.Input((8, 2))
    agree(keras, z, layers.Cropping1D((1, 2))(z))


def test_what_has_no_place_is_refused_by_name(keras) -> None:
    layers = keras.layers
    steps, image = keras.Input((6, 4)), keras.Input((8, 8, 4))
    state = keras.Input((3,))
    attend = layers.MultiHeadAttention(2, 3, name="att")
    cases = [
        (steps, layers.LSTM(3, return_state=True, name="m")(steps)[0], r"layer 'm' \(LSTM\): states"),
        ([steps, state], layers.GRU(3, name="m")(steps, initial_state=state), r"layer 'm' \(GRU\): states"),
        (
            steps,
            layers.LSTM(3, activation="exponential", name="m")(steps),
            r"'m' \(LSTM\): the activation 'exponential'",
        ),
        (state, layers.Embedding(9, 2, mask_zero=True, name="e")(state), r"layer 'e' \(Embedding\): a mask"),
        (image, layers.UpSampling2D(2, interpolation="bilinear", name="u")(image), r"layer 'u' .*: interpolation"),
        (image, attend(image, image), r"layer 'att' \(MultiHeadAttention\): attention over other axes"),
        (
            [steps, keras.Input((6, 6), name="mask")],
            None,
            r"layer 'masked' \(MultiHeadAttention\)",
        ),
    ]
    for inputs, outputs, rule in cases:
        if outputs is None:
            outputs = layers.MultiHeadAttention(2, 3, name="masked")(inputs[0], inputs[0], attention_mask=inputs[1])
        with pytest.raises(UnsupportedTypeError, match=rule):
            GRAPH(keras.Model(inputs, outputs))


def test_every_export_is_of_a_class_that_keras_has_and_of_an_op(keras) -> None:
    from wcodec.frontends.keras_layers import CALL_OPTIONS, CALL_TENSORS, LAYERS, MERGES
    from wcodec.runtime import OPS

    assert set(CALL_OPTIONS) | set(CALL_TENSORS) <= set(LAYERS)
    assert set(MERGES.values()) <= set(OPS)
    assert np.all([hasattr(keras.layers, name) for name in LAYERS])
