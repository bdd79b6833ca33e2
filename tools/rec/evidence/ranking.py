"""ROC and precision-recall curves, exact at every threshold, thinned to what a plot can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec.metrics.rows import Rows
from rec.numeric import Array

_POINTS = 300


@dataclass(frozen=True)
class Curves:
    """Of a task, at thresholds from the highest score down, float64 [k] each.

    Attributes:
        false_positive, recall: shares of the negatives and of the positives that score at least the threshold.
        precision: share of positives among what does.
        average_precision: the sum over thresholds of precision times the recall gained there.
        rate: share of positives.
    """

    false_positive: Array
    recall: Array
    precision: Array
    average_precision: float
    rate: float


def curves(rows: Rows) -> Curves | None:
    """None where a class is missing."""
    positives = int(np.count_nonzero(rows.labels))
    if not 0 < positives < len(rows):
        return None
    order = np.argsort(-rows.scores, kind="stable")
    scores, hits = rows.scores[order], np.cumsum(rows.labels[order])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))  # equal scores pass together
    hits, taken = hits[last], last + 1.0
    recall, precision = hits / positives, hits / taken
    average = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    false_positive = (taken - hits) / (len(rows) - positives)
    kept = _kept(recall, false_positive)
    first, rate = precision[kept[0]], positives / len(rows)
    return Curves(
        np.append(0.0, false_positive[kept]),
        np.append(0.0, recall[kept]),
        np.append(first, precision[kept]),
        average,
        rate,
    )


def _kept(recall: Array, false_positive: Array) -> Array:
    """Points evenly spaced along either axis: a curve rises first along the one, then along the other."""
    wanted = np.linspace(0, 1, _POINTS // 2)
    found = [np.searchsorted(axis, wanted).clip(max=len(recall) - 1) for axis in (recall, false_positive)]
    return np.unique(np.concatenate(found))
