"""Wide matrices in blocks, steps of tables, synthetic signals, and a warning where calibration did not carry over."""

import numpy as np
import pytest

import wcodec
from wcodec.errors import OptionError
from wcodec.posttrain import sites
from wcodec.posttrain.sites import Site, blocks, dense_columns
from wcodec.posttrain.synthetic import synthetic_inputs


def test_blocks_are_equal_and_small_enough(monkeypatch):
    assert [blocks(n) for n in (0, 1, 4096, 4097, 11008, 8192)] == [1, 1, 1, 17, 4, 2]
    monkeypatch.setattr(sites, "MOST_COLUMNS", 4)
    assert blocks(12) == 3


def test_a_wide_matrix_is_a_row_of_matrices(monkeypatch):
    monkeypatch.setattr(sites, "MOST_COLUMNS", 4)
    site = Site("weight", "as_is", 1, dense_columns)
    weight, x = np.arange(36.0).reshape(3, 12), np.arange(60.0).reshape(5, 12)
    matrices = site.to_matrices(weight)
    assert matrices.shape == (3, 3, 4)
    assert np.array_equal(matrices[1], weight[:, 4:8])
    assert np.array_equal(site.from_matrices(matrices, weight.shape), weight)
    columns = site.columns_of(x, np.arange)
    assert np.array_equal(columns[2], x[:, 8:])
    assert np.array_equal(np.einsum("grn,gsn->sr", matrices, columns), x @ weight.T)


def test_a_network_with_blocks_is_quantized(convnet, images, monkeypatch):
    whole = wcodec.encode(convnet, calibration=images, target_bytes=3500)
    monkeypatch.setattr(sites, "MOST_COLUMNS", 64)
    blocked = wcodec.encode(convnet, calibration=images, target_bytes=3500)
    noise = [{row.name: row.noise for row in report.layers} for report in (whole, blocked)]
    assert 3400 < blocked.nbytes <= 3500
    assert noise[0]["10.weight"] != noise[1]["10.weight"]  # 256 inputs: four blocks
    assert noise[0]["0.weight"] == pytest.approx(noise[1]["0.weight"], rel=0.5)


def test_rows_are_scaled_in_the_frameworks_layout():
    site = Site("kernel", "out_first", 1, dense_columns)
    kernel, factors = np.ones((3, 3, 2, 5), np.float32), np.arange(5.0)
    assert site.rows(kernel) == 5
    assert np.array_equal(site.scaled(kernel, factors), np.broadcast_to(factors, kernel.shape))


def test_an_embedding_gets_a_step_by_its_effect(torch):
    """A table that hardly reaches the output is rounded more coarsely than one that does."""
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self, reach):
            super().__init__()
            self.table, self.first, self.second = nn.Embedding(40, 8), nn.Linear(40, 64), nn.Linear(64, 8)
            self.reach = reach

        def forward(self, tokens):
            counted = nn.functional.one_hot(tokens, 40).float().mean(1)
            return self.second(torch.relu(self.first(counted))) + self.reach * self.table(tokens).mean(1)

    tokens = np.random.default_rng(0).integers(0, 40, (96, 6))
    steps = {}
    for reach in (0.1, 1.0):
        torch.manual_seed(1)
        report = wcodec.encode(Model(reach).eval(), calibration=tokens, bits_per_weight=7)
        table = wcodec.decode(report.data)["table.weight"]
        steps[reach] = float(np.min(np.diff(np.unique(np.abs(table)))))
    assert steps[0.1] > 3 * steps[1.0]


def test_synthetic_signals_and_vectors():
    signal = synthetic_inputs((2, 50), (-1.0, 1.0), channels_first=True, count=64)
    assert signal.shape == (64, 2, 50)
    neighbours = np.mean([np.corrcoef(s[0, :-1], s[0, 1:])[0, 1] for s in signal])
    assert neighbours > 0.5
    assert synthetic_inputs((50, 2), (-1.0, 1.0), channels_first=False, count=8).shape == (8, 50, 2)
    assert synthetic_inputs((30,), (0.0, 1.0), channels_first=True, count=8).shape == (8, 30)
    with pytest.raises(OptionError, match="is the shape of none"):
        synthetic_inputs((1, 2, 3, 4), (0.0, 1.0), channels_first=True)
    with pytest.raises(OptionError, match="give input_shape="):
        synthetic_inputs(None, (0.0, 1.0), channels_first=True)


def test_calibration_that_does_not_carry_over_is_told(convnet, images):
    other = np.random.default_rng(5).normal(size=(64, 3, 8, 8)).astype(np.float32) * 20
    report = wcodec.encode(convnet, calibration=images[:70] / 50, validation=other, target_bytes=2200)
    assert len(report.warnings) == 1
    assert "on held-out inputs and" in report.warnings[0]
    assert report.warnings[0].endswith("calibrate on more of them")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"paths": 0}, r"paths=0 is outside 1\.\.64"),
        ({"rate_weight": -1.0}, r"rate_weight=-1\.0 is outside 0\.\.1"),
        ({"damping": 0.0}, r"damping=0\.0 is not positive"),
    ],
)
def test_options_outside_their_range(convnet, images, options, message):
    with pytest.raises(OptionError, match=message):
        wcodec.encode(convnet, calibration=images, target_bytes=4000, **options)


def test_bits_that_cost_reach_a_size_with_a_finer_step(convnet, images):
    plain = wcodec.encode(convnet, calibration=images, target_bytes=1400)
    dear = wcodec.encode(convnet, calibration=images, target_bytes=1400, rate_weight=0.5)
    settings = [min(p.setting for p in report.curve if p.quantizer == "sequential") for report in (plain, dear)]
    assert settings[1] < settings[0]
