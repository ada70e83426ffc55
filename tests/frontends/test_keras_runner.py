"""A Keras model that runs with the weights of one layer in memory computes what the loaded model computes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wcodec
from wcodec.errors import GraphError, NameMismatchError, TruncatedError, UnsupportedTypeError

from .test_keras_graph import randomize

ROOT = Path(__file__).parents[2]


def residual(keras):
    """Functional, with a nested Sequential, a nested Functional of two outputs, a shared layer and functions."""
    layers = keras.layers
    small = keras.Input((6,))
    pair = keras.Model(small, [layers.Dense(5, name="a")(small), layers.Dense(5, name="b")(small)], name="pair")
    stem = keras.Sequential(
        [keras.Input((9, 8, 3)), layers.Conv2D(6, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()],
        name="stem",
    )
    shared = layers.DepthwiseConv2D(3, padding="same", name="shared")
    x = inputs = keras.Input((9, 8, 3))
    x = stem(x)
    x = layers.Add()([x, shared(shared(x))])
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(x), training=True)
    a, b = pair(x)
    return keras.Model(inputs, [keras.ops.concatenate([a, 2 * b], axis=-1)[:, 1:], pair(x)[0]])


def sequences(keras):
    """Sequential: masks go from layer to layer, a layer holds others, one has a state to return."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((7,), dtype="int32"),
            layers.Embedding(11, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.GRU(5, return_sequences=True),
            layers.LayerNormalization(),
            layers.LSTM(4),
            layers.Dense(2, activation="softmax"),
        ]
    )


def attention(keras):
    layers = keras.layers
    x = inputs = keras.Input((6, 8), name="x")
    y = layers.MultiHeadAttention(2, 4)(x, value=x, use_causal_mask=True)
    _, state = layers.GRU(3, return_state=True)(layers.Add()([x, y]))
    return keras.Model({"x": inputs}, {"state": state, "y": y})


DATA = {
    residual: lambda rng: rng.normal(size=(5, 9, 8, 3)).astype("f"),
    sequences: lambda rng: rng.integers(0, 11, (5, 7)),
    attention: lambda rng: {"x": rng.normal(size=(5, 6, 8)).astype("f")},
}


def outputs_of(keras, model, x):
    return [keras.ops.convert_to_numpy(y) for y in keras.tree.flatten(model(x, training=False))]


@pytest.mark.parametrize("build", DATA, ids=lambda build: build.__name__)
@pytest.mark.parametrize("options", [{}, {"prefetch": 2, "keep_bytes": 0}], ids=["plain", "prefetch"])
def test_the_outputs_are_those_of_the_loaded_model(keras, build, options) -> None:
    model = build(keras)
    randomize(model)
    x = DATA[build](np.random.default_rng(3))
    expected = outputs_of(keras, model, x)
    data = wcodec.encode(model, lossless=True).data
    seen: list[tuple[int, int, str]] = []
    with wcodec.KerasRunner(model, data, progress=lambda *row: seen.append(row), **options) as runner:
        for batch_size in (5, 2):
            results = runner.predict(x, batch_size=batch_size)
            for ours, theirs in zip(results if len(expected) > 1 else [results], expected, strict=True):
                assert ours.dtype == theirs.dtype
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert [row[0] for row in seen] == [*range(1, seen[0][1] + 1)] * 4  # one batch of 5, then three of 2, 2, 1
    with pytest.raises(UnsupportedTypeError, match="load_into") as caught:
        wcodec.encode(model)
    assert caught.value.tensor
    wcodec.load_into(model, data)
    for ours, theirs in zip(outputs_of(keras, model, x), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def dense(keras, *widths: int):
    layers = [keras.layers.Dense(n, name=f"d{i}") for i, n in enumerate(widths[1:])]
    return keras.Sequential([keras.Input(widths[:1]), *layers])


class Pipe(io.RawIOBase):
    """Bytes that can be read once, from their start to their end."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._file.readinto(buffer)


def test_a_pipe_runs_the_model_once_for_all_samples(keras) -> None:
    model = dense(keras, 8, 120, 100, 3)
    data = wcodec.encode(model, lossless=True).data
    x = np.random.default_rng(0).normal(size=(5, 8)).astype("f")
    expected = keras.ops.convert_to_numpy(model(x))
    with wcodec.KerasRunner(model, Pipe(data), keep_bytes=0) as runner:
        np.testing.assert_allclose(runner.predict(x, batch_size=2), expected, rtol=1e-5, atol=1e-6)
        with pytest.raises(GraphError, match="cannot be read again"):
            runner.predict(x)
    with wcodec.KerasRunner(model, Pipe(data[:-500])) as runner, pytest.raises(TruncatedError):
        runner.predict(x)


def test_a_model_may_be_built_without_its_weights(keras) -> None:
    loaded = dense(keras, 8, 5, 3)
    data = wcodec.encode(loaded, lossless=True).data
    x = np.ones((2, 8), "f")

    def build():
        drop = keras.layers.Dropout(0.5, seed=3)
        return keras.Sequential([keras.Input((8,)), *dense(keras, 8, 5, 3).layers, drop])

    with wcodec.KerasRunner(build, data) as runner:
        np.testing.assert_allclose(runner.predict(x), keras.ops.convert_to_numpy(loaded(x)), rtol=1e-6)
        with pytest.raises(UnsupportedTypeError, match="tensor 'd0/kernel': its values are in the file"):
            runner.model.get_weights()
    # Whatever ends an outermost StatelessScope, as every layer does that is built, leaves the model alone.
    dense(keras, 2, 2)
    wcodec.load_into(runner.model, data)
    np.testing.assert_array_equal(outputs_of(keras, runner.model, x), outputs_of(keras, loaded, x))


def test_what_does_not_fit_is_refused_before_the_model_loses_anything(keras) -> None:
    model = dense(keras, 8, 5)
    before = model.get_weights()
    for other, message in [
        (dense(keras, 8, 5, 3), "'d1/kernel' is in the file, not in the model"),
        (dense(keras, 8, 6), r"'d0/kernel' has shape \(8, 5\) in the model, \(8, 6\) in the file"),
    ]:
        with pytest.raises(NameMismatchError, match=message):
            wcodec.KerasRunner(model, wcodec.encode(other, lossless=True).data)
    with pytest.raises(NameMismatchError, match="'d0/bias' is in the model, not in the file"):
        wcodec.KerasRunner(model, wcodec.encode({"d0/kernel": before[0]}, lossless=True).data)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)

    class Mine(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(UnsupportedTypeError, match="neither Sequential nor Functional"):
        wcodec.KerasRunner(Mine(), wcodec.encode(model).data)
    stateful = keras.Sequential([keras.Input((3, 2), batch_size=1), keras.layers.GRU(2, stateful=True)])
    with pytest.raises(UnsupportedTypeError, match="'gru.*' keeps a state from call to call"):
        wcodec.KerasRunner(stateful, wcodec.encode(stateful).data)
    with wcodec.KerasRunner(model, wcodec.encode(model, lossless=True).data) as runner:
        with pytest.raises(GraphError, match=r"input 0 has shape \(None, 8\), not \(2, 7\)"):
            runner.predict(np.ones((2, 7), "f"))
        with pytest.raises(GraphError, match="takes 1 inputs, not 2"):
            runner.predict([np.ones((2, 8), "f"), np.ones((2, 8), "f")])


MEMORY = """
import json, sys
import keras, numpy as np, wcodec

def high_water():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

def build():
    return keras.Sequential([keras.Input((1024,)), *[keras.layers.Dense(1024, name=f"d{i}") for i in range(16)]])

x = np.ones((4, 1024), "f")
small = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])  # what the framework takes for itself
small(np.ones((4, 8), "f")), wcodec.encode(small, lossless=True)
before = high_water()
with wcodec.KerasRunner(build, sys.argv[1], keep_bytes=0) as runner:
    runner.predict(x)
print(json.dumps(high_water() - before))
"""


def test_the_weights_of_one_layer_are_resident(keras, tmp_path) -> None:
    """The system's high-water mark of a process of its own, above Keras at work: 16 layers of 4.2 MB, 67 MB in all."""
    rng = np.random.default_rng(1)
    tensors = {}
    for i in range(16):
        tensors[f"d{i}/kernel"] = rng.normal(scale=0.03, size=(1024, 1024)).astype("f")
        tensors[f"d{i}/bias"] = np.zeros(1024, "f")
    wcodec.encode(tensors, tmp_path / "dense.wcz", coder="rans")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEMORY, tmp_path / "dense.wcz"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    # A layer decoded and as Keras has it, its payload, and what the allocator keeps.
    assert int(done.stdout) < 30e6
