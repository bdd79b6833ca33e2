"""The interval of a mean of distances that noise alone makes positive.

Each bin shows |N(gap, error^2)|, whose moments are known, so that what the value found tells of the gaps can be solved
for. Where no bin is off, an interval of equal tails would cover too often, and a one-sided one too seldom near there:
what is accepted goes by the ratio of likelihoods (Feldman and Cousins 1998, A unified approach to the classical
statistical analysis of small signals, section IV.B), one-sided at the boundary, equal-tailed far from it, 95 %
everywhere. The sum of few distances is skewed to the right: the upper end of what is accepted is corrected for it
(Cornish-Fisher).

What noise adds depends on how the error is spread over the bins: more where few are off by much among bins that are
right than where all are off a little. The spread is estimated, each bin's error drawn towards that of all as far as
noise explains their differences (empirical Bayes, as James and Stein 1961 for means). Where some bins are off for sure
and the others look right, that is another pattern that may be, and the interval holds what either says.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import chdtrc, ndtr

from rec.numeric import Array

_STEPS = 60
_FARTHEST = 16.0
_OFF = 2.5
"""Standard errors beyond which a bin is off for sure, should the others be right."""

_RIGHT = 0.05
"""Bins look right unless noise alone would show distances as large as theirs with less than this probability."""


def interval(gap: Array, error: Array, share: Array, value: float) -> tuple[float, float]:
    """The 95 % interval of the sum of share * |gap|.

    Args:
        gap, error: float64 [bins], the distances found, not negative, and their standard errors.
        share: float64 [bins], what each counts for; they sum to 1.
        value: share . gap.
    """
    if value == 0.0 or not error.any():
        return value, value
    lows, highs = zip(*(_along(each, error, share, value) for each in _patterns(gap, error)), strict=True)
    return min(lows), max(highs)


def _patterns(gap: Array, error: Array) -> list[Array]:
    """How the errors may be spread over the bins, float64 [bins] each, up to a factor."""
    noisy = error > 0
    squares = (gap[noisy] / error[noisy]) ** 2
    all_off = gap.copy()
    all_off[noisy] = np.sqrt(_shrunk(squares - 1)) * error[noisy]
    if not all_off.any():
        all_off = error
    off = squares > _OFF**2
    others = squares[~off]
    if not off.any() or (len(others) and chdtrc(len(others), others.sum()) < _RIGHT):
        return [all_off]
    few_off = gap.copy()
    few_off[noisy] = np.where(off, gap[noisy], 0.0)
    return [all_off, few_off]


def _shrunk(found: Array) -> Array:
    """Squared errors of bins, in squares of their noise, from what was found of them, float64 [n] each; not negative.

    The square of a N(z, 1) has the variance 2 + 4 z^2: what the squares differ by beyond that is the bins' own.
    """
    mean = max(float(found.mean()), 0.0)
    own = max(float(found.var(ddof=1)) - (2.0 + 4.0 * mean), 0.0) if len(found) > 1 else 0.0
    trust = own / (own + 2.0 + 4.0 * np.maximum(found, 0.0))
    return np.asarray(np.maximum(mean + trust * (found - mean), 0.0))


def _along(pattern: Array, error: Array, share: Array, value: float) -> tuple[float, float]:
    """The errors t * share . pattern, t >= 0, under which the value is accepted."""
    total, unbiased = float(share @ pattern), float(share @ folded(0.0 * pattern, error)[0])

    def accepted(t: float) -> tuple[float, float]:
        """The least and the largest value that the gaps t * pattern are not refused for."""
        mean, variance, third = (share**power @ each for power, each in enumerate(folded(t * pattern, error), 1))
        spread = math.sqrt(variance)
        below, above = _of_boundary(max(0.0, float(mean) - unbiased) / spread)
        skewed = (above**2 - 1) * float(third) / spread**3 / 6
        # The gaps are noisy themselves, which their own distances' spread leaves out: below it is that without a fold.
        whole = math.sqrt(float(share**2 @ error**2))
        return float(mean) - below * whole, float(mean) + (above + skewed) * spread

    return total * _solve(lambda t: accepted(t)[1] - value), total * _solve(lambda t: accepted(t)[0] - value)


def folded(mean: Array, error: Array) -> tuple[Array, Array, Array]:
    """Mean, variance and third central moment of |N(mean, error^2)|, float64 [bins] each; mean >= 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(error > 0, mean / error, np.inf)
    density = error * math.sqrt(2 / math.pi) * np.exp(-(z**2) / 2)
    one_sided = 1 - 2 * ndtr(-z)
    first, second = density + mean * one_sided, mean**2 + error**2
    cubed = density * (mean**2 + 2 * error**2) + mean * (mean**2 + 3 * error**2) * one_sided
    return first, np.maximum(second - first**2, 0.0), cubed - 3 * first * second + 2 * first**3


def _of_boundary(mean: float) -> tuple[float, float]:
    """How far below and above its mean, at least 0, an observation of N(mean, 1) is accepted: 95 % of it are."""

    def ends(above: float) -> tuple[float, float]:
        if above <= mean:
            return above, above
        # A negative observation speaks for 0 first: its likelihood is held against that of 0.
        return (math.inf if mean == 0.0 else (mean**2 + above**2) / (2 * mean)), above

    low, high = 1.6, 2.0  # between the one-sided and the two-sided quantile
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below, above = ends(middle)
        low, high = (low, middle) if ndtr(above) - ndtr(-below) >= 0.95 else (middle, high)
    return ends(high)


def _solve(excess: Callable[[float], float]) -> float:
    """Where an increasing function of t in [0, 16] becomes positive."""
    if excess(0.0) >= 0:
        return 0.0
    low, high = 0.0, _FARTHEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) >= 0 else (middle, high)
    return high
