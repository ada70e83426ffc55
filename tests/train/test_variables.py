import pytest

keras = pytest.importorskip("keras")

from wcodec.errors import DuplicateNameError  # noqa: E402
from wcodec.train import variable_names  # noqa: E402

layers = keras.layers


def names(model):
    return [name for name, _ in variable_names(model)]


def tower(name):
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Dense(2, name="d")(inputs), name=name)


def sequential():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")], name="net")


def recurrent():
    inputs = keras.Input((4, 8))
    x = layers.Bidirectional(layers.GRU(3, dropout=0.1, name="gru"), name="bi")(inputs)
    return keras.Model(inputs, layers.BatchNormalization(name="bn")(x))


def attention():
    inputs = keras.Input((4, 8))
    return keras.Model(inputs, layers.MultiHeadAttention(2, 2, use_bias=False, name="mha")(inputs, inputs))


def nested():
    first, second = tower("left"), tower("right")
    inputs = keras.Input((4,))
    return keras.Model(inputs, [first(inputs), second(inputs), second(inputs)])


def nested_sequential():
    return keras.Sequential([keras.Input((4,)), sequential(), layers.Dense(1, name="a")])


CELL = ["gru_cell/kernel", "gru_cell/recurrent_kernel", "gru_cell/bias"]
MODELS = {
    sequential: ["a/kernel", "a/bias", "b/kernel", "b/bias"],
    recurrent: [
        *[f"bi/forward_gru/{part}" for part in CELL],
        *[f"bi/backward_gru/{part}" for part in CELL],
        *[f"bn/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")],
    ],
    attention: [f"mha/{part}/kernel" for part in ("query", "key", "value", "attention_output")],
    nested: ["left/d/kernel", "left/d/bias", "right/d/kernel", "right/d/bias"],
    nested_sequential: ["net/a/kernel", "net/a/bias", "net/b/kernel", "net/b/bias", "a/kernel", "a/bias"],
}


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_names_follow_the_layers_before_and_after_a_reload(make, tmp_path):
    model = make()
    assert names(model) == MODELS[make]
    assert [id(v) for _, v in variable_names(model)] == [id(v) for v in model.weights]
    model.save(tmp_path / "model.keras")
    assert names(keras.models.load_model(tmp_path / "model.keras")) == MODELS[make]


def test_optimizer_and_metric_variables_are_no_weights():
    model = sequential()
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(keras.ops.zeros((1, 4)), keras.ops.zeros((1, 2)))
    assert names(model) == MODELS[sequential]


def test_duplicate_names_are_told():
    class Twins(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(2, use_bias=False, name="twin")
            self.second = layers.Dense(2, use_bias=False, name="twin")

        def build(self, input_shape):
            self.first.build(input_shape)
            self.second.build(input_shape)

    model = Twins()
    model.build((None, 2))
    with pytest.raises(DuplicateNameError, match="'twin/kernel'") as caught:
        variable_names(model)
    assert caught.value.tensor == "twin/kernel"
