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


def number_moments(rows: Rows, weights: Array | None) -> Moments:
    """Of (w, w |e|, w e^2), e the error."""
    return moments(rows, weights, lambda x, y: (np.abs(x - y), (x - y) ** 2))


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


def rmse(sums: Moments) -> Estimate:
    """Root of the mean squared error."""
    w, _, squared = map(float, sums.total)
    error = sums.error([-0.5 / w, 0, 0.5 / squared]) if squared > 0 else None
    return around_log(math.sqrt(squared / w), error, sums.n, {})
