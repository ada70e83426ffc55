"""What follows what: norms behind matrices, shortcuts, and what may not be touched because something else takes it."""

import numpy as np
import pytest

from wcodec.frontends import find_frontend
from wcodec.posttrain.networks import open_network
from wcodec.posttrain.networks.protocol import Inputs
from wcodec.posttrain.rescale import rescale
from wcodec.posttrain.trace import Carried, trace


@pytest.fixture
def residual(torch):
    """stem -> [conv - norm - relu - conv - norm] + stem -> relu -> classifier."""
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3, padding=1)
            self.inner = nn.Conv2d(8, 8, 3, padding=1, bias=False)
            self.inner_norm = nn.BatchNorm2d(8)
            self.outer = nn.Conv2d(8, 8, 3, padding=1)
            self.outer_norm = nn.BatchNorm2d(8)
            self.classifier = nn.Linear(8, 5)

        def forward(self, x):
            x = torch.relu(self.stem(x))
            y = torch.relu(self.inner_norm(self.inner(x)))
            y = self.outer_norm(self.outer(y))
            return self.classifier(torch.relu(x + y).mean((2, 3)))

    model = Residual().eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for norm in (model.inner_norm, model.outer_norm):
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.05, 4.0)
        norm.weight.uniform_(-1.5, 1.5)
        norm.bias.uniform_(-0.5, 0.5)
    return model


def keras_residual(keras):
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(inputs)
    y = layers.Conv2D(8, 3, padding="same", use_bias=False, name="inner")(x)
    y = layers.ReLU()(layers.BatchNormalization(name="inner_norm")(y))
    y = layers.DepthwiseConv2D(3, padding="same", name="outer")(y)
    y = layers.BatchNormalization(name="outer_norm")(y)
    z = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.Add()([x, y])))
    model = keras.Model(inputs, layers.Dense(5, name="classifier")(z))
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if "moving" in variable.path or "gamma" in variable.path or "beta" in variable.path:
            variable.assign(rng.uniform(0.05, 2.0, variable.shape))
    return model


def last(names):
    """Names of layers without the folder that newer versions of Keras put before them."""
    return {name.rpartition("/")[2] for name in names}


def test_torch_norms_and_shortcuts(residual, images):
    traced = trace(open_network(residual), Inputs((images,)))
    assert traced.norms == {"inner": "inner_norm", "outer": "outer_norm"}
    assert set(traced.carriers) == {"outer", "outer_norm"}
    assert traced.absorbed == {"stem", "inner", "inner_norm", "outer", "outer_norm", "classifier"}


def test_keras_norms_and_shortcuts(keras, images):
    x = np.ascontiguousarray(np.moveaxis(images, 1, -1))
    model = keras_residual(keras)
    traced = trace(open_network(model), Inputs((x,)))
    assert last(traced.norms) == {"inner", "outer"}
    assert last(traced.norms.values()) == {"inner_norm", "outer_norm"}
    assert last(traced.carriers) == {"outer", "outer_norm"}
    assert all("call" not in layer.__dict__ for layer in model.layers)


def test_a_product_that_something_else_takes_is_not_rescaled(torch, images):
    nn = torch.nn

    class Split(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward(self, x):
            y = self.conv(x)
            return (self.norm(y) * torch.sigmoid(y)).mean((2, 3))

    assert trace(open_network(Split().eval()), Inputs((images,))).norms == {}


def test_a_layer_that_is_called_twice_is_left_alone(torch, images):
    nn = torch.nn

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

        def forward(self, x):
            return self.norm(self.conv(self.norm(self.conv(x))))

    traced = trace(open_network(Twice().eval()), Inputs((images,)))
    assert traced.norms == {}
    assert traced.carriers == {}


def test_an_activation_inside_the_layer_stands_between(keras, images):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten()]
    )
    x = np.ascontiguousarray(np.moveaxis(images, 1, -1))
    assert trace(open_network(model), Inputs((x,))).norms == {}


def test_a_model_whose_steps_are_not_all_seen_is_not_rescaled(keras, images):
    layers = keras.layers

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = layers.Conv2D(4, 3), layers.BatchNormalization()

        def call(self, x, training=False):
            y = self.conv(x)
            return self.norm(y, training=training) + keras.ops.relu(y)

    model = Own()
    x = np.ascontiguousarray(np.moveaxis(images, 1, -1))
    model(x[:2])
    assert trace(open_network(model), Inputs((x,))).norms == {}


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_rescaled_network_is_the_same_function(framework, fold, request, images):
    if framework == "torch":
        model, x = request.getfixturevalue("residual"), images
    else:
        model = keras_residual(request.getfixturevalue("keras"))
        x = np.ascontiguousarray(np.moveaxis(images, 1, -1))
    network, inputs = open_network(model), Inputs((x,))
    tensors = {t.name: np.array(t.value) for t in find_frontend(model).tensors(model)}
    rescaled = rescale(network, trace(network, inputs), tensors, fold=fold)
    before = network.run(inputs)
    with network.loaded(rescaled.tensors):
        after = network.run(inputs)
    np.testing.assert_allclose(after, before, atol=2e-5 * np.abs(before).max())
    assert len(rescaled.fixed) == 7  # mean, variance and scale of two norms, and one bias before them
    means = [w.factors["weight"] for n, w in rescaled.fixed.items() if "mean" in n]
    variances = [w.factors["weight"] for n, w in rescaled.fixed.items() if "var" in n]
    assert all((v > 0).all() for v in variances)
    if fold:
        assert not np.any(means)
        assert all((v == 1).all() for v in variances)


def test_rescaled_vectors_cost_few_bits(residual, images):
    network = open_network(residual)
    tensors = {t.name: np.array(t.value) for t in find_frontend(residual).tensors(residual)}
    fixed = rescale(network, trace(network, Inputs((images,))), tensors, fold=False).fixed
    scale = fixed["inner_norm.weight"].factors["weight"]
    step = float(np.min(np.abs(scale[scale != 0])))
    assert np.abs(scale).max() / step < 32
    assert np.array_equal(np.sign(scale), np.sign(tensors["inner_norm.weight"]))


def test_a_shortcut_is_kept_until_every_layer_took_it(residual, images):
    network, inputs = open_network(residual), Inputs((images,))
    traced = trace(network, inputs)
    carried = Carried(traced.carriers)
    taken = []

    def visit(call):
        if call.layer.name in traced.carriers:
            taken.append(network.to_numpy(carried.take(call.layer.name)))
        return call.output({})

    network.run(inputs, visit, carried)
    assert len(taken) == 2
    assert np.array_equal(*taken)
    assert taken[0].min() >= 0  # behind the rectifier of the stem
    assert carried.take("outer") is None


def test_observing_changes_nothing(residual, images):
    network, inputs, seen = open_network(residual), Inputs((images,)), []
    assert np.array_equal(network.run(inputs, None, seen.append), network.run(inputs))
    assert sum(operation.sums for operation in seen) == 1
    assert [o.layer.name for o in seen if o.layer] == [layer.name for layer in network.layers]
