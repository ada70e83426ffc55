"""Costs of symbols under every coder: their sum is the payload's size, and each stands where its symbol stands."""

import numpy as np
import pytest

import wcodec._native as native
from wcodec.coders import CODERS, reference
from wcodec.coders.context import view_of as context_view
from wcodec.coders.mixing import view_of as mixing_view
from wcodec.coders.rans_control import Geometry
from wcodec.coders.rans_plan import LEFT, NONE, make_plan
from wcodec.coders.run_length_costs import run_length_costs

# Bits that a payload may have beside its symbols, and share by which costs may be off; rans has tables.
BESIDE = {"raw": 0, "elias_gamma": 8, "rice": 16, "context": 33, "mixing": 33, "float_planes": 0, "rans": 8000}
OFF = 0.001


def weights(scale, shape, seed=7):
    rng = np.random.default_rng(seed)
    return np.rint(rng.laplace(0, scale, shape) * np.exp(rng.normal(0, 0.7, (shape[0], *[1] * (len(shape) - 1)))))


@pytest.mark.parametrize("coder", CODERS.values(), ids=lambda coder: coder.name)
@pytest.mark.parametrize("scale", [0.05, 0.8, 20.0, 400.0])
def test_costs_add_up_to_the_payload(coder, scale):
    for shape in ((64, 40, 3, 3), (130, 33), (9, 5)):
        array = weights(scale, shape).astype(np.int32)
        (costs,) = coder.costs([array])
        assert costs.shape == shape
        assert costs.dtype == np.float32
        assert (costs >= 0).all()
        bits, size = float(costs.sum(dtype=np.float64)), 8 * len(coder.encode([array]))
        assert bits - OFF * size - 8 <= size <= bits + BESIDE[coder.name] + OFF * size
        assert coder.cost([array]) == pytest.approx(size, rel=OFF, abs=33)


@pytest.mark.parametrize("coder", CODERS.values(), ids=lambda coder: coder.name)
def test_costs_of_arrays_that_are_small_or_empty(coder):
    arrays = [np.array([[1, -1], [0, 2]]), np.empty((0, 3), int), np.array(5), np.zeros(3, int)]
    costs = coder.costs([array.astype(np.int32) for array in arrays])
    assert [c.shape for c in costs] == [a.shape for a in arrays]
    assert coder.costs([]) == []
    assert coder.cost([]) == 0


def test_costs_stand_where_their_symbols_stand():
    array = np.zeros((40, 50), np.int32)
    array[17, 23] = 90
    for name in ("context", "mixing", "elias_gamma", "rice", "rans"):
        costs = CODERS[name].costs([array])[0]
        assert np.unravel_index(costs.argmax(), costs.shape) == (17, 23), name
        assert costs[17, 23] > 10 * np.median(costs), name


def test_literal_costs_of_run_lengths():
    symbols = np.array([0, 0, 3, 1, 0, -5, 0], np.int32)
    # By gamma codes: three bits for the two zeros; a sign and three for the 3; a run of no zeros, a sign and one bit
    # for the 1; three; a sign and five; three.
    assert run_length_costs(symbols, -1, -1, False).tolist() == [1.5, 1.5, 4, 3, 3, 6, 3]
    assert run_length_costs(symbols, 0, 1, False).tolist() == [1.5, 1.5, 4, 4, 2, 5, 2]
    assert run_length_costs(symbols, -1, -1, True).tolist() == [1.5, 1.5, 5.5, 3.5, 1, 7, 1]
    assert run_length_costs(symbols[2:4], -1, -1, False).tolist() == [5, 3]


def test_kernels_agree_on_costs():
    rng = np.random.default_rng(2)
    for shape in ((6, 5, 3, 3), (1, 9), (30,), (4, 7, 1, 5)):
        array = np.rint(rng.laplace(0, rng.choice([0.3, 4.0, 3000.0]), shape)).astype(np.int32)
        for name, view in (("mixing_cost", mixing_view(shape)), ("context_cost", context_view(shape))):
            native_costs, costs = (np.empty(array.size, np.uint32) for _ in range(2))
            total = getattr(native, name)(array.reshape(-1), [view], native_costs)
            assert getattr(reference, name)(array.reshape(-1), [view], costs) == total == costs.sum()
            assert (native_costs == costs).all()
    with pytest.raises(ValueError, match="parameter"):
        native.mixing_cost(np.zeros(4, np.int32), [mixing_view((4,))], np.empty(3, np.uint32))


@pytest.mark.parametrize("density", [0.001, 0.05, 1.0])
def test_kernels_agree_on_contexts_of_rans(density):
    rng = np.random.default_rng(9)
    counts = rng.poisson(3, (16, 9, 256)) * (rng.random((16, 9, 256)) < density)
    counts[3] = 0
    counts[5, :, 100:160] += rng.integers(0, 5000, (9, 60))
    counts = counts.astype(np.uint32).reshape(-1)
    found = []
    for kernel in (native, reference):
        merged, tables = np.full(16, 9, np.uint8), np.full(16 * 5 * 256, 9, np.uint32)
        found.append((kernel.rans_weigh(counts, merged, tables), merged.tolist(), tables.tolist()))
    assert found[0] == found[1]
    assert sum(found[0][2]) == counts.sum()


def test_contexts_of_rans_follow_the_signs():
    """Rows whose neighbours share a sign use it; noise has no context. Bits are an entropy."""
    rng = np.random.default_rng(1)
    runs = np.repeat(rng.choice([-4, 4], (64, 64)), 8, axis=1).astype(np.int32)
    noise = rng.permutation(runs.reshape(-1))
    geometry = Geometry(64, 512, 1, 1)
    signed, _ = make_plan(runs.reshape(-1), geometry)
    plain, _ = make_plan(noise, geometry)
    assert signed.near[0] == LEFT
    assert plain.near == (NONE, NONE)
    assert plain.bits == pytest.approx(runs.size, rel=0.01)
    assert signed.bits < 0.6 * plain.bits
