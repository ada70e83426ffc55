"""wcz encode with calibration data, in one process."""

import json

import numpy as np
import pytest

pytest.importorskip("rich", reason="needs the extra cli")
pytest.importorskip("matplotlib", reason="needs the extra plot")
click_testing = pytest.importorskip("click.testing", reason="needs the extra cli")
keras = pytest.importorskip("keras", reason="needs Keras")

import wcodec  # noqa: E402
from wcodec.cli.group import wcz  # noqa: E402


def run(*arguments):
    return click_testing.CliRunner().invoke(wcz, [str(a) for a in arguments])


@pytest.fixture
def folder(tmp_path):
    keras.utils.set_random_seed(1)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, activation="relu", name="conv"),
            layers.Flatten(),
            layers.Dense(5, name="dense"),
        ]
    )
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "data.npz", x=np.random.default_rng(0).random((70, 8, 8, 1), np.float32))
    return tmp_path


def test_a_target_with_calibration_data(folder):
    done = run("encode", folder / "model.keras", folder / "out.wcz", "--calibration", folder / "data.npz",
               "--target", "1.5KB", "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert 1300 < report["nbytes"] <= 1500
    assert report["nbytes"] == (folder / "out.wcz").stat().st_size
    assert {point["quantizer"] for point in report["curve"]} == {"rounding", "sequential"}
    assert report["warnings"] == []
    assert wcodec.decode(folder / "out.wcz")["conv/kernel"].shape == (3, 3, 1, 16)


def test_the_table_the_curve_and_the_closest_file(folder):
    done = run("encode", folder / "model.keras", folder / "out.wcz", "--calibration", folder / "data.npz",
               "--target", "20", "--closest", "--one-shot", "--resume", folder / "kept")  # fmt: skip
    assert done.exit_code == 0, done.output
    table = [line.split("\t") for line in done.stdout.splitlines()]
    assert table[0] == ["name", "weights", "bits/weight", "noise", "error share"]
    assert [row[0] for row in table[1:]] == ["conv/kernel", "conv/bias", "dense/kernel", "dense/bias"]
    assert "warning: target_bytes=20 cannot be kept: the closest point has" in done.stderr
    done = run("encode", folder / "model.keras", folder / "out.wcz", "--calibration", folder / "data.npz",
               "--target", "1.5KB", "--json", "--plot", folder / "curve.svg")  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert {row["name"] for row in report["layers"] if row["noise"] is not None} == {"conv/kernel", "dense/kernel"}
    assert all(point["step_code"] == point["setting"] / 8 for point in report["curve"])
    assert (folder / "curve.svg").stat().st_size > 1000


def test_data_free(folder):
    done = run("encode", folder / "model.keras", folder / "out.wcz", "--data-free", "--input-range", "0,1",
               "--bits-per-weight", "4")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "4 tensors" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--target", "seventy"], 2, "'seventy' is not a size like 70KB or 71680"),
        (["--input-range", "1"], 2, "'1' is not LOW,HIGH"),
        (["--target", "70KB"], 1, "give calibration= data, or data_free=True"),
        (["--data-free", "--target", "20"], 1, "target_bytes=20 cannot be kept"),
    ],
)
def test_refusals(folder, options, code, message):
    done = run("encode", folder / "model.keras", folder / "out.wcz", *options)
    assert done.exit_code == code
    assert message in done.stderr
    assert not (folder / "out.wcz").exists()
