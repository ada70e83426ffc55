"""Keras models: names, layouts, dtypes, files, and models in training."""

from pathlib import Path

import numpy as np
import pytest

from wcodec.errors import NameMismatchError, UnsupportedTypeError
from wcodec.factorizations import FactoredWeight
from wcodec.frontends import FRONTENDS, find_frontend

KERAS, KERAS_FILE = FRONTENDS["keras"], FRONTENDS["keras_file"]


def small_net(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dense(5, name="head"),
        ]
    )


SMALL_NET = [
    ("conv/kernel", (3, 3, 3, 4), "out_first"),
    ("conv/bias", (4,), "as_is"),
    ("norm/gamma", (4,), "as_is"),
    ("norm/beta", (4,), "as_is"),
    ("norm/moving_mean", (4,), "as_is"),
    ("norm/moving_variance", (4,), "as_is"),
    ("head/kernel", (144, 5), "out_first"),
    ("head/bias", (5,), "as_is"),
]


def test_names_shapes_and_scans(keras) -> None:
    model = small_net(keras)
    assert find_frontend(model) is KERAS
    tensors = list(KERAS.tensors(model))
    assert [(t.name, t.value.shape, t.scan) for t in tensors] == SMALL_NET
    assert all(t.value.dtype == np.float32 for t in tensors)
    for tensor, variable in zip(tensors, model.weights, strict=True):
        assert (tensor.value == keras.ops.convert_to_numpy(variable)).all()


def test_each_kind_of_layer_is_coded_outputs_first(keras) -> None:
    layers = keras.layers
    x = inputs = keras.Input((6, 8))
    x = layers.MultiHeadAttention(2, 4, name="mha")(x, x)
    x = layers.EinsumDense("abc,cde->abde", output_shape=(None, 3, 5), name="split")(x)
    x = layers.EinsumDense("abde,def->abf", output_shape=(None, 7), name="join")(x)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True, name="lstm"), name="both")(x)
    x = layers.Conv1DTranspose(5, 2, name="up")(x)
    x = layers.SeparableConv1D(3, 2, name="sep")(x)
    x = layers.DepthwiseConv1D(2, depth_multiplier=2, name="dw")(x)
    model = keras.Model(inputs, x)
    scans = {t.name: (t.value.shape, t.scan) for t in KERAS.tensors(model) if "bias" not in t.name}
    assert scans == {
        "mha/query/kernel": ((8, 2, 4), "in_first"),
        "mha/key/kernel": ((8, 2, 4), "in_first"),
        "mha/value/kernel": ((8, 2, 4), "in_first"),
        "mha/attention_output/kernel": ((2, 4, 8), "last_first"),
        "split/kernel": ((8, 3, 5), "in_first"),
        "join/kernel": ((3, 5, 7), "last_first"),
        "both/forward_lstm/lstm_cell/kernel": ((7, 12), "out_first"),
        "both/forward_lstm/lstm_cell/recurrent_kernel": ((3, 12), "out_first"),
        "both/backward_lstm/lstm_cell/kernel": ((7, 12), "out_first"),
        "both/backward_lstm/lstm_cell/recurrent_kernel": ((3, 12), "out_first"),
        "up/kernel": ((2, 5, 6), "in_first"),
        "sep/depthwise_kernel": ((2, 5, 1), "in_first"),
        "sep/pointwise_kernel": ((1, 5, 3), "out_first"),
        "dw/kernel": ((2, 3, 2), "in_first"),
    }
    assert all(t.scan == "as_is" for t in KERAS.tensors(model) if "bias" in t.name)


def test_embeddings_and_scalars_are_coded_as_they_are(keras) -> None:
    class Scaled(keras.layers.Layer):
        def build(self, _shape) -> None:
            self.scale = self.add_weight(shape=(), name="scale", initializer="ones")

        def call(self, x):
            return x * self.scale

    model = keras.Sequential([keras.Input((4,)), keras.layers.Embedding(9, 2, name="embed"), Scaled(name="scaled")])
    assert [(t.name, t.value.shape, t.scan) for t in KERAS.tensors(model)] == [
        ("embed/embeddings", (9, 2), "as_is"),
        ("scaled/scale", (), "as_is"),
    ]


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int32", "uint8", "bool"]
)
def test_variables_of_every_dtype_go_and_come_bit_for_bit(keras, tensors: dict[str, np.ndarray], dtype: str) -> None:
    class Holder(keras.layers.Layer):
        def build(self, _shape) -> None:
            # TensorFlow has no zeros of 8-bit floats; a converted array it has.
            self.held = self.add_weight(
                shape=value.shape,
                dtype=dtype,
                name="held",
                initializer=lambda shape, dtype: keras.ops.convert_to_tensor(np.zeros_like(value)),
                trainable=False,
            )

    value = tensors[dtype]
    holder = Holder(name="holder")
    holder.build(())
    KERAS.load(holder, {"held": value})
    (seen,) = KERAS.tensors(holder)
    assert seen.value.dtype == value.dtype
    assert seen.value.tobytes() == value.tobytes()


def test_a_model_that_is_not_built_is_refused(keras) -> None:
    with pytest.raises(UnsupportedTypeError, match="is not built"):
        list(KERAS.tensors(keras.Sequential([keras.layers.Dense(3)])))


def test_load_assigns_all(keras) -> None:
    ours, theirs = small_net(keras), small_net(keras)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("f")
    assert not np.array_equal(ours.predict(x, verbose=0), theirs.predict(x, verbose=0))
    KERAS.load(theirs, {t.name: t.value for t in KERAS.tensors(ours)})
    assert np.array_equal(ours.predict(x, verbose=0), theirs.predict(x, verbose=0))


def test_load_lists_every_difference_and_assigns_nothing(keras) -> None:
    model = small_net(keras)
    tensors = {t.name: t.value + 1 for t in KERAS.tensors(model)}
    del tensors["conv/bias"]
    tensors["head/kernel"] = tensors["head/kernel"].T
    tensors["head/scale"] = np.ones(5, "f")
    before = model.get_weights()
    with pytest.raises(NameMismatchError) as caught:
        KERAS.load(model, tensors)
    assert str(caught.value) == (
        "the model and the file differ: 'conv/bias' is in the model, not in the file; "
        "'head/scale' is in the file, not in the model; "
        "'head/kernel' has shape (144, 5) in the model, (5, 144) in the file"
    )
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_model_in_training_gives_its_latents(keras) -> None:
    from wcodec.train import compressible

    model = small_net(keras)
    wrapped = compressible(model)
    assert find_frontend(wrapped) is KERAS
    tensors = list(KERAS.tensors(wrapped))
    shapes = [t.value.factorization.shape if isinstance(t.value, FactoredWeight) else t.value.shape for t in tensors]
    assert [(t.name, shape, t.scan) for t, shape in zip(tensors, shapes, strict=True)] == SMALL_NET
    assert isinstance(tensors[0].value, FactoredWeight)
    assert tensors[0].value.factorization.kind == "rdft"
    assert isinstance(tensors[4].value, np.ndarray)
    assert KERAS.graph(wrapped) == KERAS.graph(model)
    with pytest.raises(UnsupportedTypeError, match=r"load into model\.finalize\(\)"):
        KERAS.load(wrapped, {})


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:You are saving")
def test_files_give_what_the_model_gives(keras, tmp_path: Path, suffix: str) -> None:
    model = small_net(keras)
    path = tmp_path / f"m{suffix}"
    model.save(path)
    assert find_frontend(path) is KERAS_FILE
    for from_file, from_model in zip(KERAS_FILE.tensors(str(path)), KERAS.tensors(model), strict=True):
        assert (from_file.name, from_file.scan) == (from_model.name, from_model.scan)
        assert from_file.value.tobytes() == from_model.value.tobytes()
    assert KERAS_FILE.graph(path) == KERAS.graph(model)


def test_a_model_in_training_comes_from_its_file(keras, tmp_path: Path) -> None:
    from wcodec.train import compressible

    wrapped = compressible(small_net(keras))
    wrapped.save(tmp_path / "m.keras")
    for from_file, from_model in zip(KERAS_FILE.tensors(tmp_path / "m.keras"), KERAS.tensors(wrapped), strict=True):
        assert from_file.name == from_model.name
        if isinstance(from_model.value, FactoredWeight):
            assert from_file.value.factorization == from_model.value.factorization
            for name, factor in from_model.value.factors.items():
                assert from_file.value.factors[name].tobytes() == factor.tobytes()
                assert np.array_equal(from_file.value.step_codes[name], from_model.value.step_codes[name])


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_what_is_no_model_file_is_refused(keras, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nothing of the kind")
    with pytest.raises(UnsupportedTypeError, match="Keras cannot read a whole model from"):
        list(KERAS_FILE.tensors(tmp_path / name))
    with pytest.raises(FileNotFoundError):
        list(KERAS_FILE.tensors(tmp_path / f"no_{name}"))


def test_weights_alone_in_a_file_are_refused(keras, tmp_path: Path) -> None:
    small_net(keras).save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(UnsupportedTypeError, match="Keras cannot read a whole model from"):
        list(KERAS_FILE.tensors(tmp_path / "m.weights.h5"))
