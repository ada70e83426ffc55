"""`wcz demo` with a training cut short: every row of its table is there and agrees with the others."""

import json

import pytest

pytest.importorskip("rich", reason="needs the extra cli")
pytest.importorskip("keras", reason="needs the extra tensorflow")
pytest.importorskip("sklearn", reason="needs the extra demo")
click_testing = pytest.importorskip("click.testing", reason="needs the extra cli")

from wcodec.cli.demo import data, lenet  # noqa: E402
from wcodec.cli.demo.comparison import Comparison, Row  # noqa: E402
from wcodec.cli.demo.table import show_comparison  # noqa: E402
from wcodec.cli.group import wcz  # noqa: E402

COLUMNS = {"name", "nbytes", "ratio", "accuracy_before", "accuracy_after", "decode_seconds", "peak_nbytes"}


@pytest.fixture
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = lenet.RECIPES["digits"]._replace(plain_epochs=3, compressible_epochs=3)
    monkeypatch.setitem(lenet.RECIPES, "digits", recipe)


def run(*arguments: str):
    return click_testing.CliRunner().invoke(wcz, ["demo", *arguments], catch_exceptions=False)


@pytest.mark.usefixtures("short_training")
def test_demo_compares_four_ways_to_keep_the_network() -> None:
    report = json.loads(run("--json").stdout)
    weights, near_lossless, gamma, small = report["rows"]
    assert all(set(row) == COLUMNS for row in report["rows"])
    assert weights["nbytes"] == 4 * 131_080
    assert weights["accuracy_after"] is None
    assert weights["accuracy_before"] > 0.8
    # The file holds exactly the network that was evaluated, whatever coded it.
    assert small["accuracy_after"] == gamma["accuracy_after"] == small["accuracy_before"]
    assert small["nbytes"] < gamma["nbytes"] < near_lossless["nbytes"] < weights["nbytes"]
    assert near_lossless["accuracy_after"] == pytest.approx(near_lossless["accuracy_before"], abs=0.005)
    assert small["peak_nbytes"] is None or small["peak_nbytes"] < 60 * 2**20


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [Row("float32 weights", 4000, 1.0, 0.99), Row("small", 25, 160.0, 0.9825, 0.98, 0.00321, 3 << 20)]
    show_comparison(Comparison("digits", 1000, 400, rows))
    assert capsys.readouterr().out.splitlines()[:5] == [
        "LeNet on digits: 1,000 weights, accuracy on 400 test images",
        "",
        "                 bytes   ratio  accuracy before   after  decode  peak memory",
        "float32 weights  4,000    1.0x           99.00%                             ",
        "small               25  160.0x           98.25%  98.00%  3.2 ms      3.0 MiB",
    ]


def test_the_digits_are_split_without_overlap() -> None:
    digits = data.load_digits(None)
    assert digits.x_train.shape == (1397, 8, 8, 1)
    assert digits.x_test.shape == (400, 8, 8, 1)
    assert (digits.x_train.min(), digits.x_train.max()) == (0.0, 1.0)
    assert digits.y_test[:10].tolist() == [5, 1, 8, 2, 5, 7, 4, 5, 5, 2]


def test_a_missing_mnist_file_is_an_error() -> None:
    done = click_testing.CliRunner().invoke(wcz, ["demo", "--data", "mnist", "--mnist", "nowhere.npz"])
    assert done.exit_code == 1
    assert done.stderr.endswith("error: nowhere.npz: no such file\n")
