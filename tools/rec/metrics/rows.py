"""The impressions that a metric is computed of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from rec.metrics.auc import CHUNK
from rec.numeric import Array


def run_heads(values: Array) -> Array:
    """Where runs of equal values begin, int64; [n], sorted."""
    return np.flatnonzero(np.concatenate([np.ones(min(1, len(values)), bool), values[1:] != values[:-1]]))


@dataclass(frozen=True)
class Rows:
    """n impressions that count for a task.

    Attributes:
        scores: float32 [n], finite.
        labels: [n], bool; of a task that predicts numbers float32.
        column: gives [n] of a column by its key: float64 of numbers, int32 numbers of groups, -1 where there is none.
            It is asked when a metric needs it, as columns may be large.
        units: gives the hashes of a column's groups by their number, uint64 [G].
    """

    scores: Array
    labels: Array
    column: Callable[[str], Array]
    units: Callable[[str], Array]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: Array) -> Rows:
        """Some of them, int64 [k]."""
        return Rows(self.scores[index], self.labels[index], lambda key: self.column(key)[index], self.units)

    def chunks(self, weights: Array | None) -> Iterator[tuple[Array, Array, Array]]:
        """Weights (1 where None), scores and labels as float64, a bounded number of rows at a time."""
        for start in range(0, len(self), CHUNK):
            some = slice(start, start + CHUNK)
            scores, labels = self.scores[some].astype(np.float64), self.labels[some].astype(np.float64)
            yield np.ones(len(scores)) if weights is None else weights[some], scores, labels
