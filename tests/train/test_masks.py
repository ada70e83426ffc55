"""Masks: exact counts, ties by position, blocks with ragged edges, m by n, and contrib's histogram."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("keras")

from wcodec.errors import OptionError
from wcodec.train.masks import (
    Blocks,
    Elements,
    Histogram,
    MByN,
    block_mask,
    exact_mask,
    kept_count,
    m_by_n_mask,
)


def test_count_is_exact_and_ties_go_by_position():
    scores = np.array([1.0, 3.0, 2.0, 2.0, 2.0, 0.0])
    assert exact_mask(scores, 0.5).tolist() == [False, True, True, True, False, False]
    assert exact_mask(np.ones((2, 3)), 0.5).tolist() == [[True, True, True], [False, False, False]]
    assert exact_mask(np.zeros(4), 0.75).tolist() == [True, False, False, False]
    assert not exact_mask(np.ones(1), 0.9).any()


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.floats(0, 0.999))
def test_count_is_within_half_a_weight(values, sparsity):
    scores = np.array(values, float)
    mask = exact_mask(scores, sparsity)
    assert mask.sum() == kept_count(scores.size, sparsity)
    assert abs((1 - mask.mean()) - sparsity) <= 0.5 / scores.size + 1e-12
    assert not mask.any() or mask.all() or scores[mask].min() >= scores[~mask].max()


def test_blocks_keep_or_drop_as_one():
    scores = np.array([[9.0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]])
    by_mean = block_mask(scores, 0.5, (2, 2), "AVG")  # means 2.25 1 / 2 3
    assert by_mean.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    by_max = block_mask(scores, 0.75, (2, 2), "MAX")  # maxima 9 1 / 2 3
    assert by_max.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_ragged_blocks_are_pooled_over_the_cells_they_have():
    scores = np.ones((3, 5))
    scores[2, 4] = 1.5  # a block of one cell, mean 1.5
    mask = block_mask(scores, 5 / 6, (2, 2), "AVG")
    assert mask.sum() == 1
    assert mask[2, 4]


def test_a_block_of_a_whole_axis():
    scores = np.arange(12.0).reshape(3, 4)
    assert block_mask(scores, 2 / 3, (1, -1)).astype(int).tolist() == [[0] * 4, [0] * 4, [1] * 4]
    assert block_mask(scores, 0.75, (-1, 1)).astype(int).tolist() == [[0, 0, 0, 1]] * 3


def test_blocks_of_what_is_no_matrix():
    kernel = np.random.default_rng(0).random((1, 1, 8, 6))  # squeezes to a matrix
    mask, _ = Blocks(4, 2).mask(kernel, 0.5, 0.0)
    assert all(len(np.unique(mask[0, 0, i : i + 4, j : j + 2])) == 1 for i in (0, 4) for j in (0, 2, 4))
    conv = np.random.default_rng(0).random((3, 3, 8, 6))  # single weights, as in contrib
    np.testing.assert_array_equal(Blocks(4, 2).mask(conv, 0.5, 0.0)[0], exact_mask(conv, 0.5))
    with pytest.raises(OptionError, match="not one"):
        block_mask(conv, 0.5, (2, 2))
    with pytest.raises(OptionError, match="MEAN"):
        block_mask(np.ones((2, 2)), 0.5, (1, 1), "MEAN")
    with pytest.raises(OptionError, match="block is"):
        block_mask(np.ones((2, 2)), 0.5, (0, 1))


def test_two_of_four():
    scores = np.array([[1.0], [4.0], [2.0], [3.0], [1.0], [1.0], [1.0], [1.0]])
    assert m_by_n_mask(scores, 2, 4).ravel().astype(int).tolist() == [0, 1, 0, 1, 1, 1, 0, 0]
    kernel = np.random.default_rng(1).random((3, 3, 4, 5))
    mask = m_by_n_mask(kernel, 2, 4)
    assert (mask.reshape(9, 4, 5).sum(axis=1) == 2).all()
    assert (m_by_n_mask(kernel, 3, 4).reshape(9, 4, 5).sum(axis=1) == 1).all()


def test_a_short_group_keeps_as_many():
    assert m_by_n_mask(np.array([[1.0], [2.0], [3.0], [4.0], [9.0], [8.0]]), 2, 4).ravel().tolist() == [
        False, False, True, True, True, True,
    ]  # fmt: skip
    with pytest.raises(OptionError, match="of 4 weights, 4 cannot"):
        m_by_n_mask(np.ones((4, 1)), 4, 4)
    with pytest.raises(OptionError, match="inputs and outputs"):
        m_by_n_mask(np.ones(4), 2, 4)
    assert MByN(2, 4).mask(np.ones((4, 1)), 0.0, 0.0)[0].all()


def test_elements_give_the_smallest_kept_score_as_threshold():
    mask, threshold = Elements().mask(np.array([0.5, 0.25, 1.0, 0.75]), 0.5, 0.0)
    assert mask.tolist() == [False, False, True, True]
    assert threshold == 0.75


def test_contribs_histogram_stays_below_its_target():
    # The trap of the original: a threshold that starts at 0 and is smoothed; t-distributed weights, target 50 %.
    scores = np.abs(np.random.default_rng(3).standard_t(3, 100_000))
    threshold, reached = 0.0, {}
    for update in range(1, 41):
        mask, threshold = Histogram().mask(scores, 0.5, threshold)
        reached[update] = 1 - mask.mean()
    assert reached[1] < 0.06
    assert reached[5] < reached[10] < reached[20] < reached[40] < 0.5
    assert not Histogram().mask(np.zeros(4), 0.5, 0.0)[0].any()  # where the original divides 0 by 0


def test_the_histograms_threshold_is_its_definition():
    scores = np.array([0.1, 0.2, 0.3, 1.0])
    # 10 bins of 0.1: cumulative shares .0 .25 .5 .75 ...; two bins lie below a half
    mask, threshold = Histogram(10, 0.5).mask(scores, 0.5, 0.4)
    assert threshold == pytest.approx(0.5 * 2 / 10 + 0.5 * 0.4)
    assert mask.tolist() == [False, False, False, True]
