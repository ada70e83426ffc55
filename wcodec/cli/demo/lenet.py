"""The network of TensorFlow Compression's model compression tutorial, trained plain and compressible."""

from __future__ import annotations

import math
from typing import NamedTuple

import keras
import numpy as np

from ...train import compressible
from .data import Digits


class Recipe(NamedTuple):
    """Settings of the two trainings of one data set.

    Attributes:
        plain_epochs, compressible_epochs: of the first training, and of the second that goes on from there.
        batch_size: of both.
        learning_rate: peak of Adam's; warm-up over 5 % of the steps, then a cosine to zero.
        penalty_weight, alpha, initial_log_step, step_rate: of `wcodec.train.compressible`.
    """

    plain_epochs: int
    compressible_epochs: int
    batch_size: int
    learning_rate: float
    penalty_weight: float
    alpha: float
    initial_log_step: float
    step_rate: float


# Digits: chosen on 300 of the training images, never on test images. MNIST: as tools/reproduce/tutorial.py.
RECIPES = {
    "digits": Recipe(20, 40, 32, 2e-3, penalty_weight=4.0, alpha=0.05, initial_log_step=-3.0, step_rate=5.0),
    "MNIST": Recipe(3, 5, 128, 1e-3, penalty_weight=2.0, alpha=0.01, initial_log_step=-3.5, step_rate=1.25),
}


def lenet(shape: tuple[int, ...]) -> keras.Sequential:
    """Two strided 5x5 convolutions and two dense layers; logits of ten classes."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(20, 5, strides=2, padding="same", activation="relu", name="conv1"),
            layers.Conv2D(50, 5, strides=2, padding="same", activation="relu", name="conv2"),
            layers.Flatten(),
            layers.Dense(500, activation="relu", name="fc1"),
            layers.Dense(10, name="fc2"),
        ],
        name="lenet",
    )


def train_plain(digits: Digits, seed: int) -> keras.Model:
    """A LeNet trained on the loss alone."""
    keras.utils.set_random_seed(seed)
    recipe = RECIPES[digits.name]
    model = lenet(digits.x_train.shape[1:])
    _fit(model, digits, recipe, recipe.plain_epochs)
    return model


def train_compressible(digits: Digits, plain: keras.Model) -> keras.Model:
    """A copy of `plain` trained on, on the loss and the size of its weights."""
    recipe = RECIPES[digits.name]
    start = keras.models.clone_model(plain)
    start.set_weights(plain.get_weights())
    model = compressible(
        start,
        penalty_weight=recipe.penalty_weight,
        alpha=recipe.alpha,
        initial_log_step=recipe.initial_log_step,
        step_rate=recipe.step_rate,
    )
    _fit(model, digits, recipe, recipe.compressible_epochs)
    return model


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of right answers; logits (count, classes), labels (count,)."""
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def _fit(model: keras.Model, digits: Digits, recipe: Recipe, epochs: int) -> None:
    steps = epochs * math.ceil(len(digits.x_train) / recipe.batch_size)
    warmup = steps // 20
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe.learning_rate / 10, steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
    )
    model.compile(keras.optimizers.Adam(schedule), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(digits.x_train, digits.y_train, batch_size=recipe.batch_size, epochs=epochs, verbose=0)
