"""Inner loops of metrics within groups of rows: each group's rows stand together, the highest score first."""

import numba
import numpy as np

_SMALL = 48
"""Rows of a group that are sorted by insertion."""


@numba.njit(nogil=True, cache=True)
def count(numbers, sizes):
    """Adds to sizes[g + 1] the rows whose number is g; -1 is none."""
    for i in range(len(numbers)):
        if numbers[i] >= 0:
            sizes[numbers[i] + 1] += 1


@numba.njit(nogil=True, cache=True)
def deal(numbers, ends, order):
    """Puts row i to where the rows of its group end by now, `ends` int64 [G]."""
    for i in range(len(numbers)):
        g = numbers[i]
        if g >= 0:
            order[ends[g]] = i
            ends[g] += 1


@numba.njit(nogil=True, cache=True)
def sort_within(order, starts, scores, first, last):
    """Puts the rows `order[starts[g]:starts[g + 1]]` of each group first <= g < last in order, highest score first."""
    for g in range(first, last):
        a, b = starts[g], starts[g + 1]
        if b - a > _SMALL:
            own = order[a:b].copy()
            order[a:b] = own[np.argsort(-scores[own], kind="mergesort")]
            continue
        for i in range(a + 1, b):
            row = order[i]
            score = scores[row]
            j = i - 1
            while j >= a and scores[order[j]] < score:
                order[j + 1] = order[j]
                j -= 1
            order[j + 1] = row


@numba.njit(nogil=True, cache=True)
def areas(starts, scores, labels, weights, area, total):
    """Of each group its AUC, float64 [G], NaN where a class is missing, and its weight, float64 [G].

    `scores`, `labels` bool and `weights` (float64; empty: 1 each) are of rows in the order of `sort_within`.
    """
    for g in range(len(starts) - 1):
        a, b = starts[g], starts[g + 1]
        positives, negatives, wins = 0.0, 0.0, 0.0
        i = a
        while i < b:  # a run of equal scores
            above, same = positives, 0.0
            j = i
            while j < b and scores[j] == scores[i]:
                w = weights[j] if len(weights) else 1.0
                if labels[j]:
                    positives += w
                else:
                    same += w
                j += 1
            wins += same * (above + (positives - above) / 2.0)
            negatives += same
            i = j
        total[g] = positives + negatives
        area[g] = wins / (positives * negatives) if positives > 0.0 and negatives > 0.0 else np.nan


@numba.njit(nogil=True, cache=True)
def gains(starts, scores, labels, at, discounts, found):
    """Of each group its NDCG at `at` with gains of 0 and 1, float64 [G]; NaN where there is no positive.

    Rows of equal score share the mean of their discounts (McSherry and Najork 2008). `discounts` float64 is their
    running sum, discounts[k] that of the first k ranks, as long as it may be asked for.
    """
    for g in range(len(starts) - 1):
        a, b = starts[g], starts[g + 1]
        cut = min(at, b - a)
        positives, gain = 0, 0.0
        i = a
        while i < b:
            j, own = i, 0
            while j < b and scores[j] == scores[i]:
                own += labels[j]
                j += 1
            positives += own
            if own and i - a < cut:
                gain += (discounts[min(j - a, cut)] - discounts[i - a]) * own / (j - i)
            i = j
        found[g] = gain / discounts[min(positives, cut)] if positives else np.nan


@numba.njit(nogil=True, cache=True)
def first_positive(starts, scores, labels, at, reciprocal, hit):
    """Of each group the expected reciprocal rank of its first positive, and the chance that it is among the first
    `at`, float64 [G] each, where rows of equal score come in random order; NaN where there is no positive.

    Of m rows of one score, r of them positive, the first positive is the j-th of them with probability
    P(j) = r / (m - j + 1) * product over i < j of 1 - r / (m - i + 1).
    """
    for g in range(len(starts) - 1):
        a, b = starts[g], starts[g + 1]
        reciprocal[g] = hit[g] = np.nan
        i = a
        while i < b:
            j, own = i, 0
            while j < b and scores[j] == scores[i]:
                own += labels[j]
                j += 1
            if own:
                rest, expected, among = 1.0, 0.0, 0.0
                for place in range(j - i - own + 1):
                    chance = rest * own / (j - i - place)
                    rest -= chance
                    rank = i - a + place + 1
                    expected += chance / rank
                    if rank <= at:
                        among += chance
                reciprocal[g], hit[g] = expected, min(among, 1.0)
                break
            i = j
