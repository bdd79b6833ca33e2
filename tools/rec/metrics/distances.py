"""The interval of a mean of distances that noise alone makes positive.

Each bin shows |N(gap, error^2)|, whose moments are known, so that what the value found tells of the gaps can be solved
for. Where no bin is off, an interval of equal tails would cover too often, and a one-sided one too seldom near there:
what is accepted goes by the ratio of likelihoods (Feldman and Cousins 1998, A unified approach to the classical
statistical analysis of small signals, section IV.B), one-sided at the boundary, equal-tailed far from it, 95 %
everywhere. The sum of few distances is skewed to the right: the upper end of what is accepted is corrected for it
(Cornish-Fisher).

What noise adds depends on how the error is spread over the bins, which the gaps found do not tell: that all are off a
little looks like few that are off by much among bins that are right. The interval holds what either says.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from rec.numeric import Array

_STEPS = 60
_FARTHEST = 16.0
_OFF = 2.5
"""Standard errors beyond which a bin is off for sure, should the others be right."""


def interval(gap: Array, error: Array, share: Array, value: float) -> tuple[float, float]:
    """The 95 % interval of the sum of share * |gap|, of all patterns of gaps at least.

    Args:
        gap, error: float64 [bins], the distances found, not negative, and their standard errors.
        share: float64 [bins], what each counts for; they sum to 1.
        value: share . gap.
    """
    if value == 0.0 or not error.any():
        return value, value
    few = np.where(gap > _OFF * error, gap, 0.0)
    lows, highs = zip(*(_along(each, error, share, value) for each in (gap, few) if each.any()), strict=True)
    return min(lows), max(highs)


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
