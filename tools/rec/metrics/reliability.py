"""Expected calibration error with its reliability curve.

Sources: Guo et al. 2017, On Calibration of Modern Neural Networks (the error over bins). The distance that a bin shows
is never negative, so noise alone makes an error; `noise` says how much, and the interval allows for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

from rec.config.metric_kinds import ReliabilityOptions
from rec.metrics.auc import Z_95
from rec.metrics.estimate import Estimate, wilson
from rec.metrics.rows import Rows
from rec.numeric import Array

_STEPS = 60
_FARTHEST = 16.0


def ece(rows: Rows, weights: Array | None, options: ReliabilityOptions) -> Estimate:
    """Mean distance of predicted and observed rate over bins, weighted by the bins' shares.

    Equal scores are in one bin, and empty bins are none, so there may be fewer than `options.bins`. `more` holds

        noise: the mean error that predictions of these bins would show if they were right.
        curve: by bin the bounds [low, high) of its predictions, n, mean prediction, observed rate with its interval.
    """
    edges = _edges(rows, options)
    sums = _sums(rows, weights, edges)
    kept = sums[:, 0] > 0
    bounds = np.concatenate([[0.0], edges, [1.0]])
    lows, highs, sums = bounds[:-1][kept], bounds[1:][kept], sums[kept]
    n, w, wy, wp, w2, w2d, w2dd, w2pp = sums.T
    gap, share = (wp - wy) / w, w / w.sum()
    value = float(share @ np.abs(gap))
    error = np.sqrt(_variance(n, w, wy, gap, w2, w2d, w2dd))
    low, high = _interval(np.abs(gap), error, share, value)
    noise = float(share @ np.sqrt(w2pp / w**2)) * math.sqrt(2 / math.pi)
    curve = [
        _point(float(a), float(b), int(count), float(p), float(y), float(weight**2 / squared))
        for a, b, count, p, y, weight, squared in zip(lows, highs, n, wp / w, wy / w, w, w2, strict=True)
    ]
    return Estimate(value, low, high, len(rows), {"noise": noise, "curve": curve})


def _point(low: float, high: float, n: int, predicted: float, observed: float, trials: float) -> dict[str, Any]:
    below, above = wilson(min(max(observed, 0.0), 1.0), trials)
    return {
        "low": low, "high": high, "n": n, "predicted": predicted,
        "observed": observed, "observed_low": below, "observed_high": above,
    }  # fmt: skip


def _edges(rows: Rows, options: ReliabilityOptions) -> Array:
    """Bounds between bins, float64, each once; a score is in the bin above a bound that it equals."""
    bins, n = options.bins, len(rows)
    if options.strategy == "uniform":
        return np.arange(1, bins) / bins
    places = np.unique(np.arange(1, bins) * n // bins)
    return np.unique(np.partition(rows.scores, places)[places]).astype(np.float64)


def _sums(rows: Rows, weights: Array | None, edges: Array) -> Array:
    """By bin n, and the sums of w, w y, w p, w^2, w^2 d, w^2 d^2, w^2 p (1 - p), d the difference p - y; [bins, 8]."""
    total = np.zeros((len(edges) + 1, 8))
    for w, p, y in rows.chunks(weights):
        where, d, w2 = np.searchsorted(edges, p, side="right"), p - y, w * w
        for at, values in enumerate((None, w, w * y, w * p, w2, w2 * d, w2 * d * d, w2 * p * (1 - p))):
            total[:, at] += np.bincount(where, values, len(edges) + 1)
    total[total[:, 1] <= 0] = 0.0  # a bin without weight
    return total


def _variance(n: Array, w: Array, wy: Array, gap: Array, w2: Array, w2d: Array, w2dd: Array) -> Array:
    """Of the bins' distances, as in `rec.metrics.moments`.

    A bin of one class alone looks surer than it is: there that of a rate with half an impression more of either class.
    """
    trials = w**2 / w2
    found = np.maximum(w2dd - 2 * gap * w2d + gap**2 * w2, 0.0) / w**2 * n / np.maximum(n - 1, 1)
    rate = (wy / w * trials + 0.5) / (trials + 1)
    alone = (wy <= 0) | (wy >= w) | (n < 2)
    return np.where(alone, np.maximum(found, rate * (1 - rate) / trials), found)


def _interval(gap: Array, error: Array, share: Array, value: float) -> tuple[float, float]:
    """The errors t * value, t >= 0, that the value found is not unlikely under.

    A bin whose distance is t * gap shows |N(t gap, error^2)|, whose mean is known. Of its variance it is known that it
    is no more than error^2, so the interval covers the truth at least as often as it says: in 95 % of cases where bins
    are off by more than their noise, in more of them where they are not. Low is the least t under which the value found
    is not too large, high the largest under which it is not too small.
    """
    if value == 0.0:
        return 0.0, 0.0
    half = Z_95 * math.sqrt(float(share**2 @ error**2))
    low = _solve(lambda t: float(share @ _folded_mean(t * gap, error)) + half - value)
    return value * low, value * _solve(lambda t: float(share @ _folded_mean(t * gap, error)) - half - value)


def _folded_mean(mean: Array, error: Array) -> Array:
    """Of |N(mean, error^2)|."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(error > 0, mean / error, np.inf)
    return np.asarray(error * math.sqrt(2 / math.pi) * np.exp(-(z**2) / 2) + mean * (1 - 2 * ndtr(-z)))


def _solve(above: Callable[[float], float]) -> float:
    """Where an increasing function of t in [0, 16] becomes positive."""
    if above(0.0) >= 0:
        return 0.0
    low, high = 0.0, _FARTHEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) >= 0 else (middle, high)
    return high
