"""Means over seeds, and the paired t-test between systems that were given the same seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation (of n - 1) of one figure over the seeds where it is defined."""

    mean: float | None
    std: float | None
    n: int

    def __str__(self) -> str:
        if self.mean is None:
            return "-"
        return f"{self.mean:.4f}" + ("" if self.std is None else f" ± {self.std:.4f}")


def summary(values: Sequence[float | None]) -> Summary:
    """Of the values that are not None."""
    known = [value for value in values if value is not None]
    if not known:
        return Summary(None, None, 0)
    mean = math.fsum(known) / len(known)
    if len(known) == 1:
        return Summary(mean, None, 1)
    return Summary(mean, math.sqrt(math.fsum((v - mean) ** 2 for v in known) / (len(known) - 1)), len(known))


def paired_p(ours: Sequence[float | None], theirs: Sequence[float | None]) -> float | None:
    """Two-sided p-value of the paired t-test; None with fewer than two pairs, or differences that are all alike."""
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
    differences = summary([a - b for a, b in pairs])
    if differences.mean is None or not differences.std:
        return None
    return student_p(differences.mean / (differences.std / math.sqrt(differences.n)), differences.n - 1)


def student_p(t: float, freedom: int) -> float:
    """P(|T| >= |t|) of Student's distribution: a regularised incomplete beta function."""
    x = freedom / (freedom + t * t)
    a, b = freedom / 2, 0.5
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    # Its continued fraction converges fast on one side of the mean only.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method (Abramowitz and Stegun 26.5.8)."""
    tiny = 1e-300
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    value = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d, c = 1 / ((1 + step * d) or tiny), (1 + step / c) or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value
