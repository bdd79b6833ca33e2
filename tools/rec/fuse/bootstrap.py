"""Confidence intervals by bootstrap over requests (Efron and Tibshirani, 1993, chapter 13: percentiles)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rec.fuse.measure import Shares
from rec.numeric import Array

SAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ({self.low:.4f} to {self.high:.4f})"


def resampled(each: Sequence[Shares], seed: int) -> Array:
    """The value of each of several orders of the same requests, [M], in samples of the requests: [SAMPLES, M]."""
    got, possible = np.stack([s.got for s in each], axis=1), np.stack([s.possible for s in each], axis=1)
    random, count = np.random.default_rng([seed, 2]), len(got)
    found = np.empty((SAMPLES, len(each)))
    for sample in range(SAMPLES):
        times = np.bincount(random.integers(0, count, count), minlength=count).astype(np.float64)
        total = times @ possible
        found[sample] = np.divide(times @ got, total, out=np.full(len(total), np.nan), where=total > 0)
    return found


def interval(value: float, samples: Array) -> Interval:
    """Of a figure with its values in samples, [SAMPLES]."""
    low, high = np.nanpercentile(samples, (2.5, 97.5)) if not np.isnan(samples).all() else (np.nan, np.nan)
    return Interval(value, float(low), float(high))
