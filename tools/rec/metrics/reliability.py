"""Expected calibration error with its reliability curve.

Sources: Guo et al. 2017, On Calibration of Modern Neural Networks (the error over bins). The distance that a bin shows
is never negative, so noise alone makes an error; `noise` says how much, and the interval allows for it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rec.config.metric_kinds import ReliabilityOptions
from rec.metrics.distances import interval
from rec.metrics.estimate import Estimate, wilson
from rec.metrics.rows import Rows
from rec.numeric import Array


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
    low, high = interval(np.abs(gap), error, share, value)
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
