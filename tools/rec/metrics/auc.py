"""Exact area under the ROC curve with DeLong's standard error, for tens of millions of rows on the host.

Sources: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837-845 (the variance); Sun and Xu 2014, IEEE Signal
Processing Letters 21:1389-1393 (computing it from sorted scores instead of from all pairs).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Rows worked on at a time: bounds the temporary 8-byte arrays to some 40 MB however many rows there are.
CHUNK = 1 << 20
Z_95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class AUC:
    """An area under the ROC curve and how far it can be trusted.

    `value` is None when a class is missing. `standard_error`, `low` and `high` are None in that case too, and also
    when a class has a single row, which says nothing about how much that class varies. `low` and `high` bound the
    95 % confidence interval of the normal approximation, clipped to [0, 1]; perfectly separated classes have a
    standard error of 0, hence an interval of no width, whatever their size.
    """

    value: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    positives: int
    negatives: int

    def __str__(self) -> str:
        if self.value is None:
            return f"undefined (n {'negatives' if self.positives else 'positives'} = 0)"
        return f"{self.value:.4f}"


def auc(scores: ArrayLike, labels: ArrayLike) -> AUC:
    """Probability that a random positive scores above a random negative, a tie counting 1/2.

    Args:
        scores: [n] float32 or float64; only their order matters, and they are compared as the type they come in.
        labels: [n] 0 or 1, any numeric type or bool.

    Takes O(n log n) time; beyond the arguments it needs a sorted copy of the scores and two bytes a row.

    Raises:
        ValueError: the shapes differ or are not [n], a score is NaN, or a label is neither 0 nor 1.
    """
    scores, positive = np.asarray(scores), as_binary(labels)
    if scores.ndim != 1 or scores.shape != positive.shape:
        raise ValueError(f"scores and labels should both be [n], got {scores.shape} and {positive.shape}")
    nans = int(np.count_nonzero(np.isnan(scores)))
    if nans:
        raise ValueError(f"{nans} of {len(scores)} scores are NaN and have no rank")

    return auc_between(scores[positive], scores[~positive])


def auc_between(positives: NDArray[np.floating], negatives: NDArray[np.floating]) -> AUC:
    """`auc` of the scores of either class, [m] and [n] of one type, none of them NaN; both are sorted in place, which
    is several times faster and smaller than an argsort of all rows."""
    positives.sort()
    negatives.sort()
    m, n = len(positives), len(negatives)
    if not m or not n:
        return AUC(None, None, None, None, m, n)

    # Whole numbers until the last division: the value carries no accumulated rounding.
    value = sum(int(twice.sum()) for twice in _twice_below(positives, negatives)) / (2 * m * n)
    if m == 1 or n == 1:
        return AUC(value, None, None, None, m, n)
    # The number of negatives below a positive, and of positives below a negative, over the size of the other class,
    # are DeLong's V10 and 1 - V01.
    variance = _placement_variance(positives, negatives, value) / m
    variance += _placement_variance(negatives, positives, 1 - value) / n
    error = variance**0.5
    return AUC(value, error, max(0.0, value - Z_95 * error), min(1.0, value + Z_95 * error), m, n)


def placements(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """DeLong's components, in the order of rows: of each positive the share of negatives that it scores above, of each
    negative the share of positives that score above it, float64 [m] and [n], a tie counting 1/2. Either's mean is the
    AUC.

    Args:
        scores: [m + n] float32 or float64.
        positive: [m + n]; either class has a row.
    """
    above, below = scores[positive], scores[~positive]
    sorted_above, sorted_below = np.sort(above), np.sort(below)
    over = np.searchsorted(sorted_below, above, "left") + np.searchsorted(sorted_below, above, "right")
    under = np.searchsorted(sorted_above, below, "left") + np.searchsorted(sorted_above, below, "right")
    return over / (2 * len(below)), 1 - under / (2 * len(above))


def as_binary(labels: ArrayLike) -> NDArray[np.bool_]:
    """A new bool array of the shape of `labels`, which hold 0 and 1 in any numeric type.

    Raises:
        ValueError: a label is neither 0 nor 1; a cast would have made it 1 in silence.
    """
    labels = np.asarray(labels)
    positive: NDArray[np.bool_] = labels == 1
    strange = labels.size - np.count_nonzero(positive) - np.count_nonzero(labels == 0)
    if strange:
        raise ValueError(f"{strange} of {labels.size} labels are neither 0 nor 1")
    return positive


def _twice_below(rows: NDArray[np.floating], others: NDArray[np.floating]) -> Iterator[NDArray[np.int64]]:
    """Twice the number of `others` below each of `rows`, an equal one counting half; both sorted, by chunks of rows."""
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        yield np.searchsorted(others, chunk, "left") + np.searchsorted(others, chunk, "right")


def _placement_variance(rows: NDArray[np.floating], others: NDArray[np.floating], mean: float) -> float:
    """Unbiased variance over `rows` of the share of `others` below each; `mean` is the known mean of these shares."""
    squares = 0.0
    for twice in _twice_below(rows, others):
        deviation = twice / (2 * len(others)) - mean
        squares += float(deviation @ deviation)
    return squares / (len(rows) - 1)
