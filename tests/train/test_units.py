"""Units come and go without a change of the function; what depends on them is cut with them."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import wcodec  # noqa: E402
from wcodec.errors import OptionError  # noqa: E402
from wcodec.train import (  # noqa: E402
    by_density,
    compressible,
    live_units,
    narrowed,
    packed,
    resized,
    unit_groups,
)

layers = keras.layers


def lenet(norm=False):
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(6, 3, name="conv"),
            *([layers.BatchNormalization(name="norm")] if norm else []),
            layers.MaxPooling2D(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(8, activation="relu", name="fc"),
            layers.Dense(4, name="out"),
        ]
    )


def images(count=16):
    return np.random.default_rng(0).normal(size=(count, 12, 12, 1)).astype(np.float32)


def trained(model, **options):
    wrapped = compressible(model, 1.0, initial_log_step=-2.0, **options)
    wrapped.compile(keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    wrapped.fit(images(), np.arange(16) % 4, batch_size=8, epochs=2, verbose=0)
    return wrapped


def silence(model, layer, unit):
    """Set what feeds a unit to zero."""
    (latent,) = next(w for w, _ in model.latent_weights() if w.name == f"{layer}/kernel").latents.values()
    value = np.array(keras.ops.convert_to_numpy(latent))
    value[..., unit] = 0
    latent.assign(value)
    bias = next(w for w, _ in model.latent_weights() if w.name == f"{layer}/bias").latents["weight"]
    bias.assign(np.zeros(bias.shape, np.float32))


def test_groups_of_a_sequential_model():
    conv, fc = unit_groups(lenet(norm=True))
    assert (conv.producer, conv.norms, conv.consumer, conv.units, conv.places) == ("conv", ("norm",), "fc", 6, (5, 5))
    assert not conv.silent  # a normalization adds something to nothing
    assert (fc.producer, fc.consumer, fc.units, fc.places, fc.silent) == ("fc", "out", 8, (), True)


def test_a_residual_stream_has_no_units_of_its_own():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="stem")(image)
    y = layers.Conv2D(5, 3, padding="same", activation="relu", name="first")(x)
    y = layers.Conv2D(4, 3, padding="same", name="second")(y)
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    model = keras.Model(image, layers.Dense(2, name="out")(x))
    assert [(g.producer, g.consumer) for g in unit_groups(model)] == [("first", "second")]
    assert resized(model, {"first": 2}).get_layer("second").kernel.shape == (3, 3, 2, 4)


def test_no_groups_where_a_layer_is_shared_or_the_model_is_code():
    image = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    model = keras.Model(image, layers.Dense(1, name="out")(shared(shared(image))))
    assert unit_groups(model) == []


def test_resized_refuses():
    with pytest.raises(OptionError, match="these have: conv, fc"):
        resized(lenet(), {"out": 2})
    with pytest.raises(OptionError, match="conv' has 6 units"):
        resized(lenet(), {"conv": 7})


@pytest.mark.parametrize("norm", [False, True])
def test_removing_dead_units_changes_nothing(norm):
    model = trained(lenet(norm))
    silence(model, "fc", [1, 6])
    if not norm:
        silence(model, "conv", 2)
    live = live_units(model, threshold=0.5)
    assert not {1, 6} & set(live["fc"].tolist())
    assert norm or 2 not in live["conv"]
    smaller = narrowed(model, live)
    np.testing.assert_allclose(smaller.predict(images(), verbose=0), model.predict(images(), verbose=0), atol=1e-5)
    assert smaller.inner.count_params() < model.inner.count_params()


def test_the_optimizer_comes_along():
    model = trained(lenet())
    kept = {"conv": np.array([4, 0, 1]), "fc": np.array([7, 2])}
    smaller = narrowed(model, kept)
    momentum = {v.path.partition("/")[2]: np.asarray(keras.ops.convert_to_numpy(v)) for v in model.optimizer.variables}
    for variable in smaller.optimizer.variables:
        name = variable.path.partition("/")[2]
        if name.endswith("fc-kernel-weight_momentum"):
            inputs = (np.arange(25)[:, None] * 6 + kept["conv"]).ravel()
            assert np.array_equal(keras.ops.convert_to_numpy(variable), momentum[name][np.ix_(inputs, kept["fc"])])
            break
    else:
        pytest.fail("no momentum of fc/kernel")
    assert int(smaller.optimizer.iterations) == int(model.optimizer.iterations) == 4
    smaller.fit(images(), np.arange(16) % 4, verbose=0)


@pytest.mark.parametrize("norm", [False, True])
def test_a_packed_network_has_the_old_shapes_and_the_new_function(norm, tmp_path):
    original = lenet(norm)
    model = by_density(narrowed(trained(original), {"conv": np.array([3, 1]), "fc": np.array([0, 5, 6])}))
    wide = packed(model, lenet(norm))
    expected = model.predict(images(), verbose=0)
    np.testing.assert_allclose(wide.predict(images(), verbose=0), expected, atol=1e-5)
    report = wcodec.encode(wide, tmp_path / "wide.wcz")
    assert {row.name: row.shape for row in report.rows} == {
        name: tuple(v.shape) for name, v in wcodec.train.variable_names(original)
    }
    plain = lenet(norm)
    wcodec.load_into(plain, tmp_path / "wide.wcz")
    # Moving statistics have no latents: the file holds them near-lossless.
    np.testing.assert_allclose(plain.predict(images(), verbose=0), expected, atol=1e-3 if norm else 1e-5)
