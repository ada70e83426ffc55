"""Damaged and hostile files: every reader refuses them with an error of its own, or all agree on what they hold.

A sample of what `python tools/fuzz/mutate.py` makes; the environment variable WCODEC_MUTANTS sets how many.
"""

import importlib
import os
import tracemalloc
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNT = int(os.environ.get("WCODEC_MUTANTS", "500"))
BATCHES = 4  # large enough that each holds some of the tenth that is accepted


@pytest.fixture(scope="module")
def mutate():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools" / "fuzz")
        return importlib.import_module("mutate")


@pytest.fixture
def traced_memory():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("batch", range(BATCHES))
def test_mutants_are_refused_or_read_alike(mutate, reference_decoder, traced_memory, batch):
    files = mutate.vectors()
    leaked, accepted, seeds = [], 0, range(batch, COUNT, BATCHES)
    for seed in seeds:
        name, mutated = mutate.mutant(files, seed)
        try:
            accepted += mutate.read_all_ways(mutated, files[name], reference_decoder)
        except Exception as e:  # noqa: BLE001  # whatever leaks is what this looks for
            leaked.append(f"seed {seed}, from {name}: {type(e).__name__}: {e}")
    assert leaked == []
    assert 0 < accepted < len(seeds) / 2, "mutation is too weak or too strong to test anything"


def test_mutants_are_the_same_in_every_run(mutate):
    files = mutate.vectors()
    assert mutate.mutant(files, 7) == mutate.mutant(files, 7)
    assert mutate.mutant(files, 7) != mutate.mutant(files, 8)


def test_the_check_notices_a_reader_that_leaks(mutate, reference_decoder, traced_memory, monkeypatch):
    files = mutate.vectors()

    def leaky(data, limits):
        raise IndexError("leaked")

    monkeypatch.setattr(mutate.wcodec, "decode", leaky)
    with pytest.raises(IndexError):
        mutate.read_all_ways(mutate.Mutant(files["empty"], True), files["empty"], reference_decoder)


def test_the_check_notices_too_much_memory(mutate, reference_decoder, traced_memory, monkeypatch):
    files = mutate.vectors()
    monkeypatch.setattr(mutate, "MOST_NBYTES", 1000)
    with pytest.raises(AssertionError, match="decode held"):
        mutate.read_all_ways(mutate.Mutant(files["shapes"], True), files["shapes"], reference_decoder)


def test_the_check_notices_damage_that_passes(mutate, reference_decoder, traced_memory):
    files = mutate.vectors()
    with pytest.raises(AssertionError, match="differ"):
        mutate.read_all_ways(mutate.Mutant(files["order"], True), files["names_text"], reference_decoder)
