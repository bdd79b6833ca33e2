"""Metrics that are functions of sums over impressions, with intervals by the delta method.

Such a metric f does not change when all sums are multiplied by a number. So its gradient at the sums S = sum of z_i
over impressions is orthogonal to S, and the variance of f(S), n / (n - 1) times the sum of (gradient . z_i)^2, is a
quadratic form of the sums of z_i z_i' alone: one pass over the data, and sums that add up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from rec.metrics.estimate import Estimate, around, around_log, undefined
from rec.metrics.rows import Rows
from rec.metrics.tasks import LOG_SMALLEST
from rec.numeric import Array


@dataclass(frozen=True)
class Moments:
    """Sums over n impressions.

    Attributes:
        total: float64 [k], of z.
        squares: float64 [k, k], of z z'.
    """

    total: Array
    squares: Array
    n: int

    def error(self, gradient: Sequence[float]) -> float | None:
        """Standard error of a function with this gradient; None of a single impression."""
        if self.n < 2:
            return None
        g = np.asarray(gradient)
        return math.sqrt(max(0.0, float(g @ self.squares @ g)) * self.n / (self.n - 1))


@dataclass(frozen=True)
class NumberMoments(Moments):
    """And of squared errors.

    Attributes:
        powers: float64 [3], sums of (w (e^2 - mean))^k for k = 2, 3, 4.
    """

    powers: Array


def moments(rows: Rows, weights: Array | None, terms: Callable[[Array, Array], Sequence[Array]]) -> Moments:
    """Of z = w (1, terms): `terms` of scores and labels, float64 [c] each."""
    total: Any = 0.0
    squares: Any = 0.0
    for w, scores, labels in rows.chunks(weights):
        z = np.stack([np.ones_like(w), *terms(scores, labels)]) * w
        total, squares = total + z.sum(axis=1), squares + z @ z.T
    return Moments(np.asarray(total), np.asarray(squares), len(rows))


def binary_moments(rows: Rows, weights: Array | None) -> Moments:
    """Of (w, w y, w p, w l): label, prediction and log loss."""
    return moments(rows, weights, lambda p, y: (y, p, _log_loss(p, y)))


def number_moments(rows: Rows, weights: Array | None) -> NumberMoments:
    """Of (w, w |e|, w e^2), e the error."""
    sums = moments(rows, weights, lambda x, y: (np.abs(x - y), (x - y) ** 2))
    mean, powers = sums.total[2] / sums.total[0], np.zeros(3)
    for w, x, y in rows.chunks(weights):
        apart = w * ((x - y) ** 2 - mean)
        squared = apart**2
        powers += squared.sum(), squared @ apart, squared @ squared
    return NumberMoments(sums.total, sums.squares, sums.n, powers)


def _log_loss(p: Array, y: Array) -> Array:
    with np.errstate(divide="ignore"):  # LOG_SMALLEST takes the place of log(0)
        logs = np.where(y == 1, np.log(p), np.log1p(-p))
    return -np.maximum(logs, LOG_SMALLEST)


def logloss(sums: Moments) -> Estimate:
    """Mean of the log loss."""
    w, _, _, loss = map(float, sums.total)
    value = loss / w
    return around(value, sums.error([-value / w, 0, 0, 1 / w]), sums.n, {}, least=0.0)


def normalized_entropy(sums: Moments) -> Estimate:
    """Log loss over the entropy of the observed rate (He et al. 2014, section 3.1)."""
    w, y, _, loss = map(float, sums.total)
    rate = y / w
    if not 0.0 < rate < 1.0:
        return undefined(sums.n)
    entropy = -rate * math.log(rate) - (1 - rate) * math.log1p(-rate)
    value = loss / w / entropy
    by_rate = -value / entropy * (math.log1p(-rate) - math.log(rate))
    gradient = [(-value - by_rate * rate) / w, by_rate / w, 0, 1 / (w * entropy)]
    return around(value, sums.error(gradient), sums.n, {}, least=0.0)


def calibration(sums: Moments) -> Estimate:
    """Sum of predictions over sum of labels."""
    w, y, p, _ = map(float, sums.total)
    more = {"predicted": p / w, "observed": y / w}
    if y <= 0:
        return undefined(sums.n, more)
    error = sums.error([0, -1 / y, 1 / p, 0]) if p > 0 else None
    return around_log(p / y, error, sums.n, more)


def mae(sums: Moments) -> Estimate:
    """Mean absolute error."""
    w, absolute, _ = map(float, sums.total)
    value = absolute / w
    return around(value, sums.error([-value / w, 1 / w, 0]), sums.n, {}, least=0.0)


def rmse(sums: NumberMoments) -> Estimate:
    """Root of the mean squared error.

    A few errors make most of a sum of squares: its t statistic is skewed, and its variance as uncertain as itself. The
    interval of the mean is Hall's (1992, On the removal of skewness by transformation, section 2, the cubic), with
    Student's quantile in place of the normal one, its degrees of freedom those of the variance, 2 n / (kurtosis - 1).
    """
    w, _, squared = map(float, sums.total)
    n, (second, third, fourth) = sums.n, map(float, sums.powers)
    value = math.sqrt(squared / w)
    if n < 2 or second <= 0:
        return around(value, 0.0 if n > 1 else None, n, {})
    kurtosis = n * fourth / second**2
    quantile = float(stdtrit(2 * n / max(kurtosis - 1, 1e-9), 0.975))
    skewness, error = third / n / (second / n) ** 1.5, math.sqrt(second * n / (n - 1)) / w
    ends = [squared / w - error * _unskewed(t, skewness, n) for t in (quantile, -quantile)]
    low, high = (math.sqrt(max(0.0, end)) for end in ends)
    return Estimate(value, low, high, n, {})


def _unskewed(t: float, skewness: float, n: int) -> float:
    """The t statistic of a mean that Hall's cubic makes a symmetric one, t, of."""
    a, rest = skewness / 3 / math.sqrt(n), t - skewness / 6 / math.sqrt(n)
    return rest if abs(a) < 1e-9 else (float(np.cbrt(1 + 3 * a * rest)) - 1) / a
