"""Means over seeds, and the paired t-test between systems that were given the same seeds."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


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
    differences = [a - b for a, b in pairs]
    if len(pairs) < 2 or max(differences) - min(differences) < 1e-12:
        return None
    from scipy.stats import ttest_rel  # takes half a second, which few commands need to spend

    return float(ttest_rel(*zip(*pairs, strict=True)).pvalue)


def holm(p_values: Mapping[K, float | None]) -> dict[K, float | None]:
    """P-values of many comparisons, adjusted so that the chance of any false finding stays that of one (Holm 1979).

    The i-th smallest of m, from 0, is multiplied by m - i, and none is below one before it; those that are None are
    left out of m.
    """
    known = sorted((p, i, key) for i, (key, p) in enumerate(p_values.items()) if p is not None)
    adjusted: dict[K, float | None] = dict.fromkeys(p_values)
    highest = 0.0
    for place, (p, _, key) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - place)))
        adjusted[key] = highest
    return adjusted
