"""What `compressible` refuses, and what it says."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from wcodec.errors import NonFiniteError, OptionError, UnsupportedTypeError  # noqa: E402
from wcodec.factorizations import Dense  # noqa: E402
from wcodec.train import compressible  # noqa: E402

layers = keras.layers


def convnet():
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3, name="conv"),
            layers.Flatten(),
            layers.Dense(2, name="fc"),
        ]
    )


def test_unbuilt_model_is_told():
    with pytest.raises(UnsupportedTypeError, match="not built"):
        compressible(keras.Sequential([layers.Dense(2)]))


def test_what_is_no_model_is_told():
    with pytest.raises(UnsupportedTypeError, match="takes a Keras model, not dict"):
        compressible({"kernel": np.zeros(3)})


def test_nothing_to_train_is_told():
    model = convnet()
    model.trainable = False
    with pytest.raises(UnsupportedTypeError, match="no trainable weights"):
        compressible(model)


def test_a_constraint_is_told():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, kernel_constraint="non_neg", name="fc")])
    with pytest.raises(UnsupportedTypeError, match="constraint") as caught:
        compressible(model)
    assert caught.value.tensor == "fc/kernel"
    compressible(model, factorizations={"fc/kernel": None})


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"penalty_weight": -1.0}, "penalty_weight"),
        ({"penalty_weight": float("nan")}, "penalty_weight"),
        ({"alpha": 0.0}, "alpha"),
        ({"step_rate": 0.0}, "step_rate"),
        ({"initial_log_step": 4.0}, "initial_log_step"),
        ({"initial_log_step": float("nan")}, "initial_log_step"),
        ({"factorizations": {"conv1/kernel": None}}, "'conv1/kernel'"),
        ({"factorizations": {"*": None}}, "leaves no weight"),
        ({"factorizations": {"fc/kernel": lambda shape: Dense((1, 2))}}, "tensor 'fc/kernel'"),
        ({"factorizations": {"fc/kernel": lambda shape: "dense"}}, "tensor 'fc/kernel'"),
    ],
)
def test_bad_options_are_told(options, rule):
    with pytest.raises(OptionError, match=rule):
        compressible(convnet(), **options)


def test_a_diverged_weight_is_named_and_nothing_is_written():
    model = convnet()
    wrapped = compressible(model)
    named = [(weight.name, weight) for weight, _ in wrapped.latent_weights()]
    before = np.array(keras.ops.convert_to_numpy(model.get_layer("conv").kernel))
    dict(named)["fc/kernel"].latents["weight"].assign(np.full((48, 2), np.nan))
    with pytest.raises(NonFiniteError) as caught:
        wrapped.finalize()
    assert caught.value.tensor == "fc/kernel"
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model.get_layer("conv").kernel), before)
