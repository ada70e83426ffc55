"""What training through latents costs: processor time of one step, the compressible model against the plain one.

    python tools/bench/training_step.py                       # LeNet5-Caffe and ResNet-20, batch 128
    KERAS_BACKEND=jax python tools/bench/training_step.py

Plain and compressible take turns in one process, so that what else the machine does meets both alike; the figure is the
least of the rounds. Random data: the time of a step does not depend on what is learned.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from wcodec.train import compressible

sys.path.insert(0, str(Path(__file__).parents[1] / "reproduce"))

import lenet5_caffe
import resnet20

BATCH = 128
NETWORKS: dict[str, Callable[[], keras.Model]] = {"LeNet5-Caffe": lenet5_caffe.network, "ResNet-20": resnet20.network}


def compiled(model: keras.Model, steps: int) -> keras.Model:
    """Ready to train, `steps` batches a call where the backend can."""
    at_once = steps if keras.backend.backend() == "tensorflow" else 1
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, steps_per_execution=at_once, jit_compile=at_once == 1)
    return model


def seconds_a_step(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Processor seconds."""
    started = time.process_time()
    model.fit(x, y, batch_size=BATCH, verbose=0)
    return (time.process_time() - started) / (len(x) // BATCH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=10, help="batches a round")
    options = parser.parse_args()
    print(f"backend {keras.backend.backend()}, batch {BATCH}; milliseconds of processor time a step")
    for name, network in NETWORKS.items():
        x = np.random.default_rng(0).random((BATCH * options.steps, *network().input_shape[1:]), np.float32)
        y = np.arange(len(x)) % 10
        models = [compiled(network(), options.steps), compiled(compressible(network(), one_step=True), options.steps)]
        for model in models:
            seconds_a_step(model, x, y)  # compiles
        times = np.array([[seconds_a_step(model, x, y) for model in models] for _ in range(options.rounds)])
        plain, ours = 1e3 * times.min(axis=0)
        print(f"{name:14} plain {plain:8.1f}   compressible {ours:8.1f}   ratio {ours / plain:.2f}", flush=True)


if __name__ == "__main__":
    main()
