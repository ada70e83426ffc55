"""Schedules against the numbers of their definitions."""

import pytest

pytest.importorskip("keras")

from wcodec.errors import ScheduleError
from wcodec.train.schedules import (
    AlphaSchedule,
    ConstantSparsity,
    ContribSparsity,
    Firings,
    PolynomialDecay,
)


def updates(schedule, until):
    return [step for step in range(until + 1) if schedule.updates_at(step)]


def test_polynomial_sparsity_at_five_points():
    schedule = PolynomialDecay(0.0, 0.9, 0, 100)
    assert [round(schedule.sparsity(t), 4) for t in (0, 25, 50, 75, 100)] == [0.0, 0.5203, 0.7875, 0.8859, 0.9]
    assert [schedule.sparsity(t) for t in (-5, 101, 10**6)] == [0.0, 0.9, 0.9]


def test_linear_sparsity_falls_too():
    schedule = PolynomialDecay(0.8, 0.2, 100, 200, power=1.0)
    assert [schedule.sparsity(t) for t in (100, 150, 200)] == pytest.approx([0.8, 0.5, 0.2])


@pytest.mark.parametrize(
    ("firings", "steps"),
    [
        (Firings(0, -1, 10, last=-1), [9, 19, 29, 39]),  # the compression operator with its defaults
        (Firings(0, -1, 10, last=0), [10, 20, 30, 40]),  # contrib pruning with its defaults
        (Firings(0, -1, 10, last=None), [0, 10, 20, 30, 40]),  # TFMOT
        (Firings(15, 35, 10, last=-1), [15, 25, 35]),
        (Firings(15, 34, 10, last=0), [15, 25]),
        (Firings(7, -1, 20, last=None), [7, 27]),
    ],
)
def test_firing_steps(firings, steps):
    assert [step for step in range(41) if firings.fires_at(step)] == steps
    assert firings.count(40) == len(steps)


def test_alpha_of_the_originals_example():
    # cifar10: begin 40,000, frequency 100, decrement 0.005: 200 updates, 40,000 -> 60,000
    schedule = AlphaSchedule(40_000, 100, 0.005, 100_000)
    assert [schedule.alpha(s) for s in (0, 39_999, 40_000, 40_099, 40_100)] == [1.0, 1.0, 0.995, 0.995, 0.99]
    assert schedule.alpha(59_800) == pytest.approx(0.005)
    assert schedule.alpha(59_900) == 0.0
    assert (schedule.updates, schedule.done) == (200, 59_900)


@pytest.mark.parametrize("decrement", [0.01, 0.005, 0.1, 0.3, 1 / 3, 0.07, 1.0])
def test_alpha_ends_at_exactly_zero(decrement):
    schedule = AlphaSchedule(0, 10, decrement)
    assert schedule.alpha(schedule.done) == 0.0
    assert schedule.alpha(schedule.done - 1) > 0.0
    assert schedule.alpha(9) == pytest.approx(1 - decrement)


def test_alpha_in_float32_would_need_another_update():
    # The originals sum 0.01 up in float32 and need 101 updates; ours takes 100.
    assert AlphaSchedule().updates == 100
    assert AlphaSchedule().done == 9 + 99 * 10


def test_an_end_before_zero_is_told():
    with pytest.raises(ScheduleError, match="alpha is 0.9 when the schedule ends at step 100.*0 at step 999"):
        AlphaSchedule(begin=9, frequency=10, decrement=0.01, end=108 - 8)
    AlphaSchedule(begin=0, frequency=10, decrement=0.01, end=999)


def test_tfmot_schedules_update_at_begin_and_end():
    assert updates(PolynomialDecay(0.0, 0.5, 10, 45, frequency=10), 100) == [10, 20, 30, 40, 45]
    assert updates(ConstantSparsity(0.5, 5, 20, frequency=10), 50) == [5, 15, 20]
    assert updates(ConstantSparsity(0.5, 5, frequency=10), 40) == [5, 15, 25, 35]
    assert [ConstantSparsity(0.5, 5).sparsity(t) for t in (4, 5)] == [0.0, 0.5]


def test_contrib_windows_are_independent():
    schedule = ContribSparsity(PolynomialDecay(0.0, 0.5, 0, 100), begin=0, end=25, frequency=10)
    assert updates(schedule, 60) == [10, 20, 25]
    assert schedule.sparsity(25) == PolynomialDecay(0.0, 0.5, 0, 100).sparsity(25)


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: PolynomialDecay(0.0, 1.0, 0, 10), "final_sparsity"),
        (lambda: PolynomialDecay(-0.1, 0.5, 0, 10), "initial_sparsity"),
        (lambda: PolynomialDecay(0.0, 0.5, 10, 10), "begin_step 10"),
        (lambda: PolynomialDecay(0.0, 0.5, 0, 10, power=0.0), "power"),
        (lambda: PolynomialDecay(0.0, 0.5, 0, 10, frequency=0), "frequency"),
        (lambda: ConstantSparsity(1.5, 0), "target_sparsity"),
        (lambda: ConstantSparsity(0.5, 10, 5), "ends at step 5"),
        (lambda: AlphaSchedule(decrement=0.0), "decrement"),
        (lambda: AlphaSchedule(frequency=0), "frequency"),
        (lambda: AlphaSchedule(begin=-1), "begin"),
        (lambda: AlphaSchedule(begin=0, end=3), "before its first update at step 9"),
    ],
)
def test_contradictions_are_told(make, rule):
    with pytest.raises(ScheduleError, match=rule):
        make()
