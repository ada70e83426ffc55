"""wcz encode with the layer graph of a Keras model, and wcz run on the result."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("rich", reason="needs the extra cli")
pytest.importorskip("click", reason="needs the extra cli")
keras = pytest.importorskip("keras", reason="needs Keras")

from .test_verbs import run  # noqa: E402


@pytest.fixture
def model(tmp_path):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(5, name="dense"),
        ]
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "x.npz", rng.normal(size=(6, 8, 8, 3)).astype("f"))
    return model


def test_batch_norms_are_merged_into_the_kernels_before_them(model, tmp_path) -> None:
    outputs = {}
    for name, option in (("plain", "--graph"), ("merged", "--merge-batch-norm")):
        done = run("encode", tmp_path / "model.keras", tmp_path / f"{name}.wcz", "--lossless", option, "--json")
        assert done.exit_code == 0, done.output
        tensors = [row["name"] for row in json.loads(done.stdout)["tensors"]]
        assert run("run", tmp_path / f"{name}.wcz", tmp_path / "x.npz", tmp_path / f"{name}.npz").exit_code == 0
        with np.load(tmp_path / f"{name}.npz") as archive:
            outputs[name] = archive["output_0"]
    assert tensors == ["conv/kernel", "conv/bias", "dense/kernel", "dense/bias"]
    np.testing.assert_allclose(outputs["merged"], outputs["plain"], rtol=1e-5, atol=1e-4)


def test_merging_and_calibration_exclude_each_other(model, tmp_path) -> None:
    done = run("encode", tmp_path / "model.keras", tmp_path / "out.wcz", "--merge-batch-norm", "--calibration",
               tmp_path / "x.npz", "--target", "2KB")  # fmt: skip
    assert done.exit_code == 1
    assert done.stderr == "error: calibration runs the model as it is: merge_batch_norm excludes it\n"
    assert not (tmp_path / "out.wcz").exists()


def test_the_notices_of_tensorflow_are_kept_back(model, tmp_path) -> None:
    command = [sys.executable, "-m", "wcodec", "encode", str(tmp_path / "model.keras"), str(tmp_path / "model.wcz")]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == ""
    assert re.fullmatch(r".*model\.wcz: 7 tensors, [0-9]+ bytes, .* bits/weight\n", done.stderr)
