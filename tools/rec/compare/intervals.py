"""How far the difference of two systems' AUCs can be trusted: over seeds, and over other test samples.

A t-test over seeds alone says whether the same would come out with other seeds on the very same test impressions. Those
are a sample as well. Both systems are judged on the same of them, so their AUCs' errors are correlated: DeLong, DeLong
and Clarke-Pearson 1988, Biometrics 44:837-845, for the paired difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rec.metrics.auc import Z_95, placements
from rec.numeric import Array


@dataclass(frozen=True)
class Difference:
    """The mean difference of AUCs over seeds, and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.4f} ({self.low:+.4f} to {self.high:+.4f})"


def difference(ours: Sequence[Array], theirs: Sequence[Array], labels: Array) -> Difference | None:
    """Of two systems' AUCs.

    Args:
        ours, theirs: scores, float [n], of each seed.
        labels: 0 or 1, [n], of the same test impressions.

    The interval's half is the root of two squares: 1.96 standard errors of the mean over seeds of DeLong's components,
    which is what another test sample would change, and Student's quantile times the standard error over seeds. None
    where a class has fewer than two rows.
    """
    positive = labels == 1
    if min(np.count_nonzero(positive), np.count_nonzero(~positive)) < 2:
        return None
    parts = [[a - b for a, b in zip(placements(x, positive), placements(y, positive), strict=True)]
             for x, y in zip(ours, theirs, strict=True)]  # fmt: skip
    of_positives, of_negatives = (np.mean([part[which] for part in parts], axis=0) for which in (0, 1))
    by_seed = np.array([np.mean(part[0]) for part in parts])
    sample = np.var(of_positives, ddof=1) / len(of_positives) + np.var(of_negatives, ddof=1) / len(of_negatives)
    half = float(np.hypot(Z_95 * np.sqrt(sample), _over_seeds(by_seed)))
    value = float(np.mean(by_seed))
    return Difference(value, value - half, value + half)


def _over_seeds(differences: Array) -> float:
    """Half of the 95 % interval of the mean by Student's t; 0 of one seed, which says nothing."""
    if len(differences) < 2:
        return 0.0
    from scipy.stats import t  # takes half a second, which few commands need to spend

    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    return float(t.ppf(0.975, len(differences) - 1) * error)
