"""k-means for codebooks: exact for scalars, scikit-learn's for blocks."""

from __future__ import annotations

import numpy as np

# Up to this many distinct values the codebook is the best there is; beyond, they are first put into as many bins.
EXACT_VALUES = 2048
LLOYD_ITERATIONS = 50


def best_codebook(values: np.ndarray, counts: np.ndarray, levels: int) -> np.ndarray:
    """The `levels` centers, ascending, with the smallest squared error; a value of 0 keeps a center of exactly 0.

    Exact dynamic programming over ascending values (Wang and Song, 2011, "Ckmeans.1d.dp"). Of more than EXACT_VALUES
    values the program runs over bins of equal counts, and Lloyd's iteration (1957) brings its centers to the values.

    Args:
        values: ascending and distinct, float64, more than `levels` of them.
        counts: how often each stands in the weight.
        levels: at least 1.
    """
    if values.size <= EXACT_VALUES:
        return _centers(values, counts.astype(np.float64), _best_ends(values, counts.astype(np.float64), levels))
    bins, weights = _bins(values, counts)
    centers = _centers(bins, weights, _best_ends(bins, weights, levels))
    return _lloyd(values, counts, centers)


def cluster_values(weight: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Ascending codebook (levels,) and index of the weight's shape; a zero stays exactly zero.

    With no more distinct values than levels it is exact, and the last value fills the codebook.
    """
    values, inverse, counts = np.unique(weight, return_inverse=True, return_counts=True)
    if values.size <= levels:
        centers = np.concatenate([values, np.full(levels - values.size, values[-1] if values.size else 0.0)])
    else:
        centers = best_codebook(values, counts, levels)
    return centers, nearest(values, centers)[inverse].reshape(weight.shape)


def nearest(values: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Index of the nearest of ascending `centers` for each value; in float64, where midpoints of float32 are exact."""
    centers = centers.astype(np.float64)
    return np.searchsorted((centers[1:] + centers[:-1]) / 2, values.astype(np.float64))


def cluster_blocks(blocks: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Codebook (levels, size) and index (count,) of k-means over blocks (count, size); zero blocks stay zero.

    With no more distinct blocks than levels it is exact. Unused entries are zero.
    """
    distinct, inverse, counts = np.unique(blocks, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    codebook = np.zeros((levels, blocks.shape[1]))
    if distinct.shape[0] <= levels:
        codebook[: distinct.shape[0]] = distinct
        return codebook, inverse
    zero = np.flatnonzero(~distinct.any(axis=1))
    free = levels - zero.size  # the entry of zero blocks is not fitted
    others = np.delete(np.arange(distinct.shape[0]), zero)
    index = np.full(distinct.shape[0], free)  # where zero blocks have theirs
    if free:
        from sklearn.cluster import KMeans  # extra: factor

        found = KMeans(free, n_init=1, random_state=0).fit(distinct[others], sample_weight=counts[others])
        codebook[:free], index[others] = found.cluster_centers_, found.labels_
    return codebook, index[inverse]


def _bins(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and counts of EXACT_VALUES bins of about equal counts; 0 has a bin of its own."""
    number = (np.cumsum(counts) - 1) * EXACT_VALUES // counts.sum()
    is_zero = values == 0
    edges = (np.diff(number, prepend=-1) != 0) | is_zero | np.roll(is_zero, 1)
    edges[0] = True
    starts = np.flatnonzero(edges)
    weights = np.add.reduceat(counts.astype(np.float64), starts)
    return np.add.reduceat(values * counts, starts) / weights, weights


def _best_ends(values: np.ndarray, weights: np.ndarray, levels: int) -> np.ndarray:
    """Ends (exclusive) of the `levels` intervals of values with the smallest squared error.

    best[j] is the smallest error of the first j values in k intervals; where its last interval begins never falls
    with j, so each layer is filled by halving (divide and conquer), all halves of a depth at once.
    """
    costs = _Costs(values, weights)
    count = values.size
    best = costs(np.zeros(count + 1, np.intp), np.arange(count + 1))
    begins = [np.zeros(count + 1, np.intp)]
    for layer in range(1, levels):
        best, begin = _layer(best, costs, layer)
        begins.append(begin)
    ends = [count]
    for begin in reversed(begins[1:]):
        ends.append(int(begin[ends[-1]]))
    return np.array(ends[::-1])


def _layer(best: np.ndarray, costs: _Costs, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """The next layer of errors, and where its last interval begins."""
    count = best.size - 1
    errors, begin = np.full(count + 1, np.inf), np.zeros(count + 1, np.intp)
    # (first end, last end, lowest begin, highest begin) of every half that is open
    spans = np.array([[layer, count, layer, count]])
    while spans.size:
        low, high, lowest, highest = spans.T
        middle = (low + high) // 2
        top = np.minimum(middle, highest)
        lengths = top - lowest + 1
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        owner = np.repeat(np.arange(middle.size), lengths)
        candidates = np.arange(lengths.sum()) - starts[owner] + lowest[owner]
        totals = best[candidates] + costs(candidates, middle[owner])
        smallest = np.minimum.reduceat(totals, starts)
        hits = np.flatnonzero(totals == smallest[owner])
        first = hits[np.unique(owner[hits], return_index=True)[1]]
        errors[middle], begin[middle] = smallest, candidates[first]
        chosen = begin[middle]
        lower = np.stack([low, middle - 1, lowest, chosen], axis=1)
        upper = np.stack([middle + 1, high, chosen, highest], axis=1)
        spans = np.concatenate([lower, upper])
        spans = spans[spans[:, 0] <= spans[:, 1]]
    return errors, begin


class _Costs:
    """Squared error of values[i:j] around their mean, or around 0 where 0 is one of them."""

    def __init__(self, values: np.ndarray, weights: np.ndarray) -> None:
        centered = values - np.average(values, weights=weights)  # the sums keep their digits where all are alike
        self.weight = np.concatenate([[0.0], np.cumsum(weights)])
        self.first = np.concatenate([[0.0], np.cumsum(weights * centered)])
        self.second = np.concatenate([[0.0], np.cumsum(weights * centered**2)])
        self.about_zero = np.concatenate([[0.0], np.cumsum(weights * values**2)])
        zero = np.flatnonzero(values == 0)
        self.zero = int(zero[0]) if zero.size else values.size

    def __call__(self, i: np.ndarray, j: np.ndarray) -> np.ndarray:
        weight = self.weight[j] - self.weight[i]
        gain = (self.first[j] - self.first[i]) ** 2 / np.maximum(weight, 1e-300)
        about_mean = self.second[j] - self.second[i] - gain
        holds_zero = (i <= self.zero) & (self.zero < j)
        return np.asarray(np.maximum(np.where(holds_zero, self.about_zero[j] - self.about_zero[i], about_mean), 0.0))


def _centers(values: np.ndarray, weights: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Mean of each interval, or 0 where 0 is in it; an empty interval repeats the center before it."""
    centers: list[float] = []
    begin = 0
    for end in ends:
        inside = slice(begin, end)
        if end > begin:
            mean = float(np.dot(values[inside], weights[inside]) / weights[inside].sum())
            centers.append(0.0 if (values[inside] == 0).any() else mean)
        elif centers:
            centers.append(centers[-1])
        else:
            centers.append(float(values[0]))
        begin = end
    return np.sort(np.array(centers))


def _lloyd(values: np.ndarray, counts: np.ndarray, centers: np.ndarray) -> np.ndarray:
    has_zero = bool((values == 0).any())
    for _ in range(LLOYD_ITERATIONS):
        index = nearest(values, centers)
        weight = np.bincount(index, counts, centers.size)
        moved = np.where(weight > 0, np.bincount(index, counts * values, centers.size) / np.maximum(weight, 1), centers)
        if has_zero:
            moved[index[np.searchsorted(values, 0.0)]] = 0.0
        moved = np.sort(moved)
        if np.array_equal(moved, centers):
            break
        centers = moved
    return centers
