"""Ranks: given, as a percentage, as a ratio, and by the formulas of the originals."""

import pytest

from wcodec.errors import OptionError
from wcodec.fitting.ranks import break_even_rank, graph_compression_rank, graph_compression_readme_rank, rank_of


def test_rank_rules():
    shape = (784, 300)
    assert rank_of(shape, rank=70) == 70
    assert [rank_of(shape, rank_percent=p) for p in (0.1, 50, 100)] == [1, 150, 300]
    assert [rank_of(shape, ratio=r) for r in (1, 2, 1e9)] == [216, 108, 1]
    assert break_even_rank(shape) == 216
    assert 216 * (784 + 300) < 784 * 300 <= 217 * (784 + 300)
    assert break_even_rank((1, 5)) == 0


@pytest.mark.parametrize(
    ("options", "rule"),
    [({}, "not none"), ({"rank": 1, "ratio": 2}, "not rank and ratio"), ({"rank": 0}, "1..300"),
     ({"rank": 301}, "1..300"), ({"rank_percent": 0}, "above 0"), ({"rank_percent": 101}, "at most 100"),
     ({"ratio": 0}, "not positive")],
)  # fmt: skip
def test_refused_ranks(options, rule):
    with pytest.raises(OptionError, match=rule):
        rank_of((784, 300), **options)


def test_the_formulas_of_graph_compression():
    shapes = [(2304, 384), (384, 192), (3, 3)]
    assert [graph_compression_rank(shape, 200) for shape in shapes] == [192, 96, 2]
    assert [graph_compression_readme_rank(shape, 200) for shape in shapes] == [193, 97, 2]
    assert [graph_compression_rank((10, 20), r) for r in (50, 100, 300)] == [10, 10, 4]
