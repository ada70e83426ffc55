"""The runtime computes what Keras computes: graphs of Keras models, encoded, decoded and run."""

import numpy as np
import pytest

import wcodec
from wcodec.errors import UnsupportedTypeError
from wcodec.frontends import FRONTENDS
from wcodec.runtime import Runner

KERAS = FRONTENDS["keras"]


def randomize(model) -> None:
    """Weights that make every layer matter: no zero biases, no statistics of zero and one."""
    rng = np.random.default_rng(5)
    for variable in model.weights:
        low, high = (0.5, 1.5) if "variance" in variable.path or "gamma" in variable.path else (-0.5, 0.5)
        variable.assign(rng.uniform(low, high, variable.shape))


def agree(keras, inputs, outputs, *, batch: int = 5) -> Runner:
    model = keras.Model(inputs, outputs)
    randomize(model)
    rng = np.random.default_rng(6)
    x = [rng.normal(size=(batch, *t.shape[1:])).astype("f") for t in model.inputs]
    report = wcodec.encode(model, lossless=True, graph=True)
    with Runner(report.data) as runner:
        results = runner.predict(x if len(x) > 1 else x[0], batch_size=2)
    expected = model(x if len(x) > 1 else x[0], training=False)
    for ours, theirs in zip(*([r] if not isinstance(r, list) else r for r in (results, expected)), strict=True):
        theirs = keras.ops.convert_to_numpy(theirs)
        assert ours.shape == theirs.shape
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())
    return runner


def test_the_graph_of_a_lenet_takes_29_bytes(keras) -> None:
    import msgpack

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(20, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(50, 5, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(500, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )
    wire = KERAS.graph(model)
    assert wire == {0: [[28, 28, 1]], 1: [[1, {0: 2, 1: 1}], 32, [1, {0: 2, 1: 1}], 32, 8, 0, 32, 0]}
    assert len(msgpack.packb(wire)) == 29
    agree(keras, model.inputs[0], model.outputs[0])


def test_a_residual_network(keras) -> None:
    layers = keras.layers
    x = inputs = keras.Input((17, 16, 6))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    y = layers.DepthwiseConv2D((3, 2), depth_multiplier=2, padding="same", activation="tanh")(x)
    y = layers.Conv2D(8, 1)(y)
    y = layers.BatchNormalization(scale=False)(y)
    x = layers.Add()([x, y])
    x = layers.SeparableConv2D(12, 3, dilation_rate=2, padding="same", activation="silu")(x)
    x = layers.Conv2D(12, 3, groups=3, dilation_rate=(2, 1))(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    y = layers.AveragePooling2D(2, strides=1, padding="same")(x)
    x = layers.Concatenate()([x, y])
    x = layers.ZeroPadding2D(((1, 2), (0, 1)))(x)
    x = layers.BatchNormalization(axis=1, center=False, epsilon=1e-5)(x)
    a = layers.GlobalAveragePooling2D()(x)
    b = layers.GlobalMaxPooling2D(keepdims=True)(x)
    b = layers.Flatten()(layers.Permute((2, 1))(layers.Reshape((24, -1))(b)))
    x = layers.Dense(7, activation="softmax")(layers.Multiply()([a, b]))
    agree(keras, inputs, [x, a])


def test_shared_layers_nested_models_and_operators(keras) -> None:
    layers = keras.layers
    left, right = keras.Input((9, 9, 4)), keras.Input((9, 9, 4))
    shared = layers.Conv2D(4, 3, padding="same")
    block_in = keras.Input((9, 9, 4))
    block = keras.Model(block_in, [layers.ReLU(2.0, 0.1, 0.3)(shared(block_in)), layers.Conv2D(4, 1)(block_in)])
    a, b = block(left)
    c, d = block(right)
    tower = keras.Sequential([keras.Input((9, 9, 4)), layers.Conv2D(3, 2), layers.GlobalAveragePooling2D()])
    x = tower(a * 0.5 + b) - tower(shared(shared(c)) + 3.0)
    y = layers.Average()([layers.Maximum()([c, d]), layers.Minimum()([b, d]), layers.Subtract()([a, b])])
    agree(keras, [left, right], [keras.ops.relu(x), y, left])


def test_one_and_three_spatial_axes(keras) -> None:
    layers = keras.layers
    x = inputs = keras.Input((20, 3))
    x = layers.Conv1D(4, 3, padding="causal", dilation_rate=2)(x)
    x = layers.PReLU(shared_axes=[1])(layers.MaxPooling1D(2)(x))
    x = layers.ZeroPadding1D((2, 1))(x)
    x = layers.SeparableConv1D(4, 3, strides=2, activation=layers.LeakyReLU(0.1))(x)
    x = layers.DepthwiseConv1D(2)(layers.ELU(0.3)(x))
    agree(keras, inputs, layers.GlobalAveragePooling1D()(layers.Softmax(axis=1)(x)))
    x = inputs = keras.Input((7, 8, 9, 3))
    x = layers.Conv3D(4, (3, 2, 3), strides=(2, 1, 2), padding="same")(x)
    x = layers.ZeroPadding3D(((1, 0), (2, 1), (0, 1)))(layers.AveragePooling3D(2)(x))
    agree(keras, inputs, x)


ACTIVATIONS = [
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "tanh", "softmax", "log_softmax", "silu"),
    *("gelu", "softplus", "softsign", "hard_sigmoid", "hard_silu", "mish", "exponential"),
]


def test_every_activation(keras) -> None:
    inputs = keras.Input((5, 9))
    x = keras.layers.Rescaling(4.0, offset=[0.0, 1, 2, 3, 4, -1, -2, -3, -4])(inputs)
    agree(keras, inputs, [keras.layers.Activation(name)(x) for name in ACTIVATIONS])


def test_the_list_of_activations_is_whole(keras) -> None:
    from wcodec.frontends.keras_layers import ACTIVATIONS as EXPORTED

    assert set(ACTIVATIONS) == set(EXPORTED)


def test_layers_that_act_in_training_only_leave_nothing(keras) -> None:
    from wcodec.frontends.keras_layers import LAYERS

    layers = keras.layers
    x = inputs = keras.Input((4, 4, 2))
    for layer in (layers.Dropout(0.5), layers.SpatialDropout2D(0.5), layers.GaussianNoise(1.0), layers.Identity()):
        x = layer(x)
    x = layers.Dense(3)(layers.GaussianDropout(0.3)(layers.AlphaDropout(0.2)(layers.ActivityRegularization(0.1)(x))))
    assert len(agree(keras, inputs, x).graph.layers) == 1
    for name in LAYERS:
        assert hasattr(layers, name), name


@pytest.mark.slow
def test_networks_of_keras_applications(keras) -> None:
    shape = (64, 64, 3)
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("f") * 50
    for make in (keras.applications.MobileNetV2, keras.applications.MobileNetV3Small, keras.applications.ResNet50V2):
        model = make(input_shape=shape, weights=None, include_top=False)
        theirs = model.predict(x, verbose=0)
        with Runner(wcodec.encode(model, lossless=True, graph=True).data) as runner:
            ours = runner.predict(x)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())


def test_what_the_graph_cannot_hold_is_refused_by_name(keras) -> None:
    layers = keras.layers
    image, steps = keras.Input((8, 8, 4)), keras.Input((6, 4))

    @keras.saving.register_keras_serializable("wcodec_test")
    class Mine(layers.Dense):
        def call(self, x):
            return x

    cases = [
        (image, layers.ConvLSTM1D(3, 2, name="memory")(image), r"layer 'memory' \(ConvLSTM1D\) has no op"),
        (steps, Mine(4, name="mine")(steps), r"layer 'mine' \(Mine\) has no op"),
        (
            steps,
            layers.Dense(4, activation=keras.ops.sin, name="wave")(steps),
            r"layer 'wave' \(Dense\): the activation 'sin'",
        ),
        (steps, keras.ops.sin(steps), r"operation 'sin\w*' \(Sin\) has no op"),
        (steps, keras.ops.mean(steps, axis=1), r"operation 'mean\w*' \(Mean\) has no op"),
        (
            image,
            layers.Softmax(axis=(1, 2), name="two")(image),
            r"layer 'two' \(Softmax\): softmax over the axes \(1, 2\)",
        ),
        (
            image,
            layers.MaxPooling2D(2, data_format="channels_first", name="cf")(image),
            r"layer 'cf' \(MaxPooling2D\) has its",
        ),
    ]
    for inputs, outputs, rule in cases:
        with pytest.raises(UnsupportedTypeError, match=rule):
            KERAS.graph(keras.Model(inputs, outputs))


def test_a_model_made_of_code_has_no_graph(keras) -> None:
    class Coded(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="coded")
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Coded()
    model(np.zeros((1, 3), "f"))
    for whole in (model, keras.Sequential([keras.Input((3,)), model])):
        with pytest.raises(UnsupportedTypeError, match="'coded'"):
            KERAS.graph(whole)
    with pytest.raises(UnsupportedTypeError, match="not a built model"):
        KERAS.graph(keras.Sequential([keras.layers.Dense(3)], name="raw"))


def test_a_computed_weight_has_no_place_in_the_graph(keras) -> None:
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="adapted")])
    model.layers[0].enable_lora(2)
    with pytest.raises(UnsupportedTypeError, match=r"layer 'adapted' \(Dense\): a weight is computed"):
        KERAS.graph(model)


def test_a_model_within_gives_the_outputs(keras) -> None:
    layers = keras.layers
    small = keras.Input((4,))
    inner = keras.Model(small, [layers.Dense(2)(small), layers.Dense(3)(small)])
    inputs = keras.Input((4,))
    x = layers.Dense(4, activation="relu")(inputs)
    runner = agree(keras, inputs, list(inner(x)))
    assert len(runner.graph.layers) == 4
