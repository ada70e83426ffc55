"""wcodec.plan.suggest: what it chooses is measured, keeps to its target, and is never larger than dense coding."""

import json

import numpy as np
import pytest

import wcodec
from wcodec.errors import NonFiniteError, OptionError
from wcodec.plan import suggest
from wcodec.plan.candidates import CANDIDATES, candidates
from wcodec.plan.curves import curves


@pytest.fixture(scope="module")
def model():
    """A matrix of low rank with some noise, a kernel without structure, a small matrix and a vector."""
    rng = np.random.default_rng(0)
    low_rank = rng.normal(size=(120, 6)) @ rng.normal(size=(6, 80)) + 0.1 * rng.normal(size=(120, 80))
    return {
        "low/kernel": low_rank.astype(np.float32),
        "conv/kernel": rng.normal(size=(3, 3, 16, 16)).astype(np.float32),
        "small/kernel": rng.normal(size=(4, 5)).astype(np.float32),
        "low/bias": rng.normal(size=80).astype(np.float32),
    }


KINDS = ("low_rank", "tensor_train", "kmeans", "sparse")


def relative(found, wanted):
    return np.linalg.norm(found - wanted) / np.linalg.norm(wanted)


def test_a_target_in_bytes_is_reached_from_below(model):
    before = {name: value.copy() for name, value in model.items()}
    found = suggest(model, target_bytes=6000, kinds=KINDS)
    report = wcodec.encode(found.weights, coder="context")
    assert (report.nbytes, [row.name for row in found.rows]) == (found.nbytes, ["low/kernel", "conv/kernel"])
    assert 4000 < found.nbytes <= 6000
    assert all(row.chosen.nbytes <= row.dense_nbytes for row in found.rows)
    kinds = {row.name: row.chosen.kind for row in found.rows}
    assert kinds["low/kernel"] == "low_rank"
    decoded = wcodec.decode(report.data)
    assert list(decoded) == list(model)
    for row in found.rows:
        assert abs(relative(decoded[row.name], model[row.name]) - row.chosen.error) < 1e-6
    assert np.abs(decoded["small/kernel"] - model["small/kernel"]).max() < 0.02
    assert all(np.array_equal(model[name], value) for name, value in before.items())
    factories = found.factorizations
    assert factories["low/kernel"]((120, 80)).kind == "low_rank"


def test_an_error_is_kept_to_by_every_tensor(model):
    found = suggest(model, max_error=0.2, kinds=KINDS)
    assert all(row.chosen.error <= 0.2 for row in found.rows)
    assert all(row.chosen.nbytes <= min(p.nbytes for p in row.points if p.error <= 0.2) for row in found.rows)
    low = next(row for row in found.rows if row.name == "low/kernel")
    assert low.chosen.nbytes < 0.7 * low.dense_nbytes
    assert found.nbytes < suggest(model, max_error=0.02, kinds=()).nbytes


def test_dense_alone_is_a_choice(model):
    found = suggest(model, target_bytes=8000, kinds=())
    assert {row.chosen.kind for row in found.rows} == {"dense"}
    assert found.factorizations == {}


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, "target_bytes or max_error"), ({"target_bytes": 1, "max_error": 0.1}, "not both"),
        ({"target_bytes": 0}, "not positive"), ({"max_error": 1.5}, "between 0 and 1"),
        ({"target_bytes": 100}, "cannot be reached: the smallest choice has"),
        ({"max_error": 0.1, "kinds": ["svd"]}, "kind 'svd' is not one of dense, low_rank"),
        ({"max_error": 0.1, "coder": "zip"}, "coder 'zip'"),
    ],
)  # fmt: skip
def test_options_that_are_refused(model, options, rule):
    with pytest.raises(OptionError, match=rule):
        suggest(model, **{"kinds": (), **options})


def test_nan_is_refused_by_name(model):
    with pytest.raises(NonFiniteError, match="'low/kernel'"):
        suggest({**model, "low/kernel": np.full((30, 30), np.nan, np.float32)}, max_error=0.1)


def test_a_tensor_of_zeros_is_left_alone():
    found = suggest({"w": np.zeros((50, 50), np.float32)}, max_error=0.1, kinds=())
    assert found.rows == ()
    assert not wcodec.decode(wcodec.encode(found.weights).data)["w"].any()


@pytest.mark.parametrize("kind", CANDIDATES)
@pytest.mark.parametrize("shape", [(40, 30), (3, 3, 8, 12), (12, 8, 3, 3), (2, 600), (600, 1)])
def test_candidates_fit_their_shape(kind, shape):
    scan = "as_is" if shape == (12, 8, 3, 3) else "out_first"
    found = list(candidates(kind, shape, scan))
    assert len(set(found)) == len(found)
    assert all((f.kind, f.shape) == (kind, shape) for f in found)
    if kind in ("dense", "low_rank", "kmeans", "sparse"):
        assert found


def test_curves_fall(model):
    found = suggest({"w": model["low/kernel"]}, max_error=0.5, kinds=("low_rank",))
    for points in curves(found.rows[0].points).values():
        assert [p.error for p in points] == sorted((p.error for p in points), reverse=True)
        assert [p.nbytes for p in points] == sorted(p.nbytes for p in points)


def test_the_plot_is_an_image(model, tmp_path):
    pytest.importorskip("matplotlib", reason="plots need the extra plot")
    found = suggest({"w": model["low/kernel"]}, max_error=0.5, kinds=())
    found.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_wcz_plan_prints_a_table_and_json(model, tmp_path):
    testing = pytest.importorskip("click.testing", reason="needs the extra cli")
    from wcodec.cli.group import wcz

    np.savez(tmp_path / "model.npz", **{name.replace("/", "."): value for name, value in model.items()})
    words = ["plan", str(tmp_path / "model.npz"), "--target-bytes", "6KB", "--kind", "low_rank"]
    shown = testing.CliRunner().invoke(wcz, [*words, "-o", str(tmp_path / "model.wcz")])
    assert shown.exit_code == 0, shown.output
    header, first, *_ = shown.output.splitlines()
    assert header.split("\t") == ["name", "shape", "kind", "rank", "step/rms", "error", "bytes", "dense bytes"]
    assert first.split("\t")[:3] == ["low.kernel", "120x80", "low_rank"]
    assert (tmp_path / "model.wcz").stat().st_size <= 6000
    report = json.loads(testing.CliRunner().invoke(wcz, [*words, "--json"]).stdout)
    assert report["nbytes"] <= 6000
    assert report["tensors"][0]["kind"] == "low_rank"
    assert len(report["tensors"][0]["points"]) > 10
    refused = testing.CliRunner().invoke(wcz, ["plan", str(tmp_path / "model.npz")])
    assert refused.exit_code == 1
    assert "give target_bytes or max_error" in refused.output
