"""Searches for a size and a quality: few trials, the closest point where there is none, an estimate that learns."""

import numpy as np
import pytest

import wcodec
from wcodec.errors import BudgetError, OptionError
from wcodec.plan import NearLossless
from wcodec.posttrain.budget import RatePoint, divergence_budget, settle_quality, settle_size, size_budget
from wcodec.posttrain.report import plot_curve
from wcodec.posttrain.size import SizeEstimate
from wcodec.posttrain.steps import PARTS, Steps, offsets_of, root_mean_square, unmeasured_code
from wcodec.quantize import step_code_at_most

WEIGHTS = {name: np.random.default_rng(i).normal(size=(64, 100)).astype(np.float32) for i, name in enumerate("abcd")}


def estimate():
    return SizeEstimate.of(WEIGHTS, offsets_of(WEIGHTS))


def test_an_entropy_by_hand():
    """Symbols 0 0 1 -1: two bits of magnitudes a pair and a sign each for the two that are not zero, 6 bits in all."""
    known = SizeEstimate.of({"w": np.array([[0.1, -0.2], [1.0, -0.9]], np.float32)}, {})
    assert known.nbytes(20 * 16 * PARTS) == pytest.approx(1 + 6 / 8)  # step code 320: step 1


def test_an_estimate_learns_from_one_file():
    known = estimate()
    before = known.nbytes(2000)
    known.learn(2000, round(0.9 * before))
    assert known.nbytes(2000) == pytest.approx(0.9 * before, rel=1e-3)
    assert known.nbytes(2000 + 16 * PARTS) == pytest.approx(0.9 * (before - 25600 / 8), rel=0.01)  # a bit a weight


def test_settings_between_two_step_codes():
    steps = [Steps(2000 + part, lambda _: None, offsets_of("abcdefgh")) for part in range(PARTS)]
    codes = [[step.code_of(name, np.ones((2, 2))) for name in "abcdefgh"] for step in steps]
    assert [sum(c) - 8 * 250 for c in codes] == list(range(PARTS))
    sizes = [estimate().nbytes(2000 + part) for part in range(PARTS)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4  # four matrices


def test_a_size_takes_few_trials():
    tried = []

    def trial(setting):
        tried.append(setting)
        return RatePoint(setting, round(1.1 * estimate().nbytes(setting)), None, None, "sequential")

    best = settle_size(trial, size_budget(9000, "target_bytes=9000"), 9000, estimate(), 1500, 2800)
    assert 0.98 * 9000 < best.nbytes <= 9000
    assert len(tried) <= 2


def test_a_size_below_the_smallest_file():
    def trial(setting):
        return RatePoint(setting, 5000, None, None, "sequential")

    with pytest.raises(BudgetError, match=r"target_bytes=100 cannot be kept: the closest point has 5,000 bytes"):
        settle_size(trial, size_budget(100, "target_bytes=100"), 100, estimate(), 2000, 2100)
    closest = size_budget(100, "target_bytes=100", closest=True)
    assert settle_size(trial, closest, 100, estimate(), 2000, 2100).nbytes == 5000


@pytest.mark.parametrize(("start", "divergence"), [(2000, 0.0085), (2100, 0.0075), (1990, 0.0085)])
def test_a_quality_is_walked_to(start, divergence):
    """KL that doubles every 128 settings and is .01 at 2030; strides of 16."""

    def trial(setting):
        return RatePoint(setting, 9000, 0.01 * 2 ** ((setting - 2030) / 128), None, "sequential")

    best = settle_quality(trial, divergence_budget(0.01), start)
    assert divergence < best.divergence <= 0.01


def test_a_quality_that_is_out_of_reach():
    def trial(setting):
        return RatePoint(setting, 9000, 1.0, None, "sequential")

    with pytest.raises(BudgetError, match=r"max_kl=0\.01 cannot be kept: the closest point has a KL of 1"):
        settle_quality(trial, divergence_budget(0.01), 2000)
    assert settle_quality(trial, divergence_budget(0.01, closest=True), 2000).divergence == 1.0


def test_the_closest_file_is_written_if_asked_for(convnet, images, tmp_path):
    path = tmp_path / "out.wcz"
    with pytest.raises(BudgetError, match="target_bytes=100 cannot be kept"):
        wcodec.encode(convnet, path, calibration=images, target_bytes=100)
    assert not path.exists()
    report = wcodec.encode(convnet, path, calibration=images, target_bytes=100, closest=True)
    assert path.stat().st_size == report.nbytes
    assert report.warnings[-1].startswith("target_bytes=100 cannot be kept: the closest point has 2")
    assert 200 < report.nbytes < 300
    assert issubclass(BudgetError, OptionError)
    assert BudgetError.code == 76


def test_a_table_of_layers_and_a_curve(convnet, images, tmp_path):
    report = wcodec.encode(convnet, calibration=images, target_bytes=5000)
    rows = {row.name: row for row in report.layers}
    assert list(rows) == [row.name for row in report.rows]
    with_feedback = [row for row in report.layers if row.noise is not None]
    assert {row.name for row in with_feedback} == {"0.weight", "3.weight", "5.weight", "7.weight", "10.weight"}
    assert sum(row.error_share for row in with_feedback) == pytest.approx(1)
    assert all(0 < row.noise < 0.2 for row in with_feedback)
    payload = sum(row.bits_per_weight * row.weights / 8 for row in report.layers)
    assert payload == pytest.approx(report.payload_nbytes, rel=0.02)
    pytest.importorskip("matplotlib", reason="needs the extra plot")
    report.plot_curve(tmp_path / "curve.svg")
    assert b"<svg" in (tmp_path / "curve.svg").read_bytes()
    with pytest.raises(OptionError, match="there is no curve"):
        plot_curve((), tmp_path / "none.svg")


def test_folding_the_norms_makes_a_smaller_file_with_equal_predictions(convnet, torch, images):
    plain = wcodec.encode(convnet, calibration=images, bits_per_weight=8)
    folded = wcodec.encode(convnet, calibration=images, bits_per_weight=8, fold_batch_norm=True)
    decoded = wcodec.decode(folded.data)
    assert not decoded["1.running_mean"].any()
    assert (decoded["1.running_var"] == 1).all()
    assert {n: v.shape for n, v in decoded.items()} == {n: tuple(v.shape) for n, v in convnet.state_dict().items()}
    x, before = torch.from_numpy(images), {n: v.clone() for n, v in convnet.state_dict().items()}
    outputs = [convnet.eval()(x)]
    for report in (plain, folded):
        wcodec.load_into(convnet, report.data)
        outputs.append(convnet(x))
        convnet.load_state_dict(before)
    for changed in outputs[1:]:
        assert float(((changed - outputs[0]) ** 2).mean() / outputs[0].var()) < 1e-3


def test_an_encoding_that_broke_off_goes_on(convnet, images, tmp_path):
    options = {"calibration": images, "target_bytes": 5000}
    expected = wcodec.encode(convnet, **options).data
    done = []

    def interrupt(count, _, name):
        done.append(name)
        if count == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wcodec.encode(convnet, **options, resume=tmp_path / "kept", progress=interrupt)
    kept = sorted((tmp_path / "kept").rglob("*.npz"))
    assert len(kept) == 3  # of the first four layers, one is a norm
    kept[0].write_bytes(kept[0].read_bytes()[:50])  # cut off: done again
    times = {path: path.stat().st_mtime_ns for path in kept}
    assert wcodec.encode(convnet, **options, resume=tmp_path / "kept").data == expected
    assert sum(path.stat().st_mtime_ns == times[path] for path in kept) == 2
    before = len(list((tmp_path / "kept").iterdir()))
    wcodec.encode(convnet, **options, resume=tmp_path / "kept", damping=0.05)  # another pass: nothing stale is used
    assert len(list((tmp_path / "kept").iterdir())) > before


def test_steps_of_vectors_that_nothing_is_known_of():
    """Codes have 16 an octave and 0 is 2**-20: 2**-8 of a root mean square of one is code 192."""
    ones = np.ones(8, np.float32)
    finest = NearLossless().step_code
    assert finest(ones) == 16 * (20 - 12)
    assert unmeasured_code(ones, finest(ones)) == 16 * (20 - 8)
    spread = np.array([1.0, -1.0, 1.0, 2.0**-6], np.float32) / np.float32(
        np.sqrt(0.75)
    )  # a small one, as variances are
    assert unmeasured_code(spread, finest(spread)) == step_code_at_most(float(spread[3]) / 16)
    tiny = np.array([1.0, -1.0, 2.0**-18], np.float32)
    assert unmeasured_code(tiny, finest(tiny)) == step_code_at_most(root_mean_square(tiny) * 2.0**-12)
    assert unmeasured_code(np.zeros(3, np.float32), finest(np.zeros(3, np.float32))) == 0
    assert unmeasured_code(ones, None) is None  # stored bit for bit
