"""Intervals of ratios of sums over users or requests, by drawing these anew.

Source: Efron and Tibshirani 1993, chapter 13 (percentiles); Hesterberg 2015, The American Statistician 69:371-386, 3.4
(percentiles farther out, as few units make them too narrow).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.special import ndtr, stdtrit

from rec.hashing import mix
from rec.numeric import Array

DRAWS = 1000
"""How often units are drawn."""

BUCKETS = 1024
"""More units than this are drawn in so many buckets, to which hashes deal them: sums over units that were dealt at
random are as independent as the units, and the interval's width is known to 2 %."""


def ratio_interval(numerators: Array, denominators: Array, units: Array, seed: int) -> tuple[float, float] | None:
    """The 95 % interval of sum(numerators) / sum(denominators) over other units drawn from where these come from.

    Args:
        numerators, denominators: float64 [G], of each unit; no denominator is below 0.
        units: uint64 [G], the units' hashes, sorted: what is drawn follows from them and the seed alone.
        seed: of the draws.

    Returns:
        None of fewer than two units.
    """
    if len(units) < 2:
        return None
    if len(units) > BUCKETS:
        bucket = (mix(units) % np.uint64(BUCKETS)).astype(np.int64)
        numerators, denominators = (np.bincount(bucket, x, BUCKETS) for x in (numerators, denominators))
    draws = _draws(len(numerators), seed)
    with np.errstate(invalid="ignore"):
        ratios = (draws @ numerators) / (draws @ denominators)
    low, high = np.nanquantile(ratios, _tails(len(units)))
    return float(low), float(high)


@lru_cache(maxsize=2)
def _draws(units: int, seed: int) -> Array:
    """How often each unit is drawn each time, float64 [DRAWS, units]."""
    drawn = np.random.default_rng([seed, units]).integers(0, units, (DRAWS, units))
    drawn += np.arange(DRAWS)[:, None] * units
    return np.bincount(drawn.reshape(-1), minlength=DRAWS * units).reshape(DRAWS, units).astype(np.float64)


def _tails(units: int) -> tuple[float, float]:
    """The percentiles that bound the interval: where a normal one would be as wide as Student's."""
    tail = float(ndtr(np.sqrt(units / (units - 1)) * stdtrit(units - 1, 0.025)))
    return tail, 1 - tail
