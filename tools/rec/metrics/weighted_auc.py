"""AUC of weighted impressions, and the estimate that a metric makes of an AUC."""

from __future__ import annotations

import numpy as np

from rec.metrics.auc import auc
from rec.metrics.estimate import Estimate, around, undefined
from rec.metrics.rows import Rows, run_heads
from rec.numeric import Array


def auc_of(rows: Rows, weights: Array | None) -> Estimate:
    """AUC with DeLong's interval; weighted, each pair counts by the product of its weights."""
    if weights is not None:
        return _weighted(rows, weights)
    found = auc(rows.scores, rows.labels)
    return Estimate(found.value, found.low, found.high, len(rows))


def _weighted(rows: Rows, weights: Array) -> Estimate:
    order = np.argsort(rows.scores, kind="stable")
    scores, positive, w = rows.scores[order], rows.labels[order], weights[order]
    first = run_heads(scores)
    run = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(scores))))
    below, above = _placements(w, ~positive, first, run), _placements(w, positive, first, run)
    of_positives, of_negatives = w[positive], w[~positive]
    if not of_positives.any() or not of_negatives.any():
        return undefined(len(rows))
    over = below[positive] / of_negatives.sum()
    value = float(of_positives @ over / of_positives.sum())
    under = 1.0 - above[~positive] / of_positives.sum()
    if min(len(over), len(under)) < 2:
        return around(value, None, len(rows), {})
    error = float(np.sqrt(_variance(of_positives, over - value) + _variance(of_negatives, under - value)))
    found = around(value, error, len(rows), {}, least=0.0)
    return Estimate(value, found.low, min(1.0, found.high or 1.0), found.n)


def _placements(w: Array, chosen: Array, first: Array, run: Array) -> Array:
    """The weight of the chosen rows that score below each row, half of those that score the same; sorted, [n]."""
    own = np.add.reduceat(np.where(chosen, w, 0.0), first)
    return np.asarray((np.cumsum(own) - own / 2)[run])


def _variance(w: Array, deviation: Array) -> float:
    """Of a weighted mean; with equal weights the unbiased variance over their number."""
    return float(np.sum((w * deviation) ** 2) / w.sum() ** 2 * len(w) / (len(w) - 1))
