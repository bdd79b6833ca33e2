"""XAUC: whether numbers are predicted in the right order (Zhan et al. 2022, Deconfounding Duration Bias, 5.1.3).

The interval is that of a ratio of U-statistics (Hoeffding 1948): each impression's pairs that are in the right order,
and its pairs that have one, come from one sort and one merge sort.
"""

from __future__ import annotations

import numpy as np

from rec.kernels.concordance import count_pairs, count_ties
from rec.metrics.auc import CHUNK
from rec.metrics.estimate import Estimate, around, undefined
from rec.metrics.rows import Rows, run_heads
from rec.numeric import Array

_SIGN = np.uint32(1 << 31)


def xauc(rows: Rows) -> Estimate:
    """Over all pairs of impressions with different labels, the share that is scored in that order, a tie counting 1/2.

    At most 2^30 impressions.
    """
    n = len(rows)
    labels, twice = _right_pairs(rows.scores, rows.labels)
    # Labels are sorted: each impression's pairs with a different label follow from the runs of equal ones.
    runs = np.diff(np.append(run_heads(labels), n))
    pairs = float(n) * n - float((runs.astype(np.float64) ** 2).sum())
    if pairs <= 0:
        return undefined(n)
    value = float(twice.sum(dtype=np.int64)) / 2 / pairs
    squares, others = 0.0, np.repeat((n - runs).astype(np.int32), runs)
    for start in range(0, n, CHUNK):
        deviation = twice[start : start + CHUNK] / 2 - value * others[start : start + CHUNK]
        squares += float(deviation @ deviation)
    found = around(value, 2 * (squares * n / (n - 1)) ** 0.5 / pairs if n > 2 else None, n, {}, least=0.0)
    return found if found.high is None else Estimate(value, found.low, min(1.0, found.high), n)


def _right_pairs(scores: Array, labels: Array) -> tuple[Array, Array]:
    """Sorted labels, float32 [n], and of each twice the number of others that it is in the right order with, int32 [n].

    One word per row sorts by the score, and where scores are equal by falling label: such a pair is then never counted
    by the merge sort, and its halves are there beforehand.
    """
    words = _ordered(scores).astype(np.uint64)
    words <<= np.uint64(32)
    low = _ordered(labels)
    words |= np.invert(low, out=low)
    del low
    words.sort()
    labels = words.astype(np.uint32)
    labels = _number(np.invert(labels, out=labels))
    counts = np.empty(len(words), np.int32)
    count_ties(words, counts)
    del words
    others = np.empty_like(labels), np.empty_like(counts)
    return others if count_pairs(labels, counts, *others) else (labels, counts)


def _ordered(values: Array) -> Array:
    """uint32 in the order of float32, a zero with a sign being one. In place where it can be: rows may be many."""
    bits = (values.astype(np.float32, copy=False) + np.float32(0)).view(np.uint32)
    bits ^= (bits.view(np.int32) >> 31).view(np.uint32) | _SIGN
    return bits


def _number(words: Array) -> Array:
    """The reverse, in the same memory."""
    words ^= ~(words.view(np.int32) >> 31).view(np.uint32) | _SIGN
    return words.view(np.float32)
