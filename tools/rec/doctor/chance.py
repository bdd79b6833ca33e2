"""What chance alone can do: the bounds that keep small numbers from raising alarms."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from rec.numeric import Array

ALARM = 0.01
"""Probability that a family of comparisons raises any alarm by chance."""


def sigmas(comparisons: int) -> float:
    """Standard errors that one of so many one-sided comparisons must exceed (Bonferroni)."""
    return NormalDist().inv_cdf(1 - ALARM / max(comparisons, 1))


def auc_standard_error(auc: float, positives: float, negatives: float) -> float:
    """Standard error of an AUC whose true value is `auc`: Hanley and McNeil 1982, Radiology 143:29-36, equation 1.

    Unlike DeLong's it needs no scores, so it can be had before training, and it is not 0 for separated classes.
    Infinite where a class is empty.
    """
    if not positives or not negatives:
        return math.inf
    two_positives, two_negatives = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (two_positives - auc**2) + (negatives - 1) * (two_negatives - auc**2)
    return math.sqrt(variance / (positives * negatives))


def log_chance(successes: Array, trials: Array, rate: float) -> Array:
    """Upper bound on log P(at least so many successes), float64, if each trial succeeds with `rate` (Chernoff).

    0 where successes / trials is not above `rate`. Holds for any numbers, however small.
    """
    k, n = np.asarray(successes, np.float64), np.maximum(np.asarray(trials, np.float64), 1e-9)
    share = np.minimum(k / n, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = np.where(share > 0, share * np.log(share / rate), 0.0)
        miss = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - rate)), 0.0)
    return np.where(share > rate, -n * (hit + miss), 0.0)


def beyond(successes: float, trials: float, rate: float) -> bool:
    """Whether so many successes say that the true rate is above `rate`."""
    return bool(log_chance(np.array(successes), np.array(trials), rate) < math.log(ALARM))
