"""The impressions that a metric is computed of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from rec.metrics.auc import CHUNK
from rec.numeric import Array


@dataclass(frozen=True)
class Rows:
    """n impressions that count for a task.

    Attributes:
        scores: float32 [n], finite.
        labels: [n], bool; of a task that predicts numbers float32.
        column: gives [n] of a column by its key: float64 of numbers, uint64 of groups, 0 where there is none. It is
            asked when a metric needs it, as columns may be large.
    """

    scores: Array
    labels: Array
    column: Callable[[str], Array]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, index: Array) -> Rows:
        """Some of them, int64 [k]."""
        return Rows(self.scores[index], self.labels[index], lambda key: self.column(key)[index])

    def chunks(self, weights: Array | None) -> Iterator[tuple[Array, Array, Array]]:
        """Weights (1 where None), scores and labels as float64, a bounded number of rows at a time."""
        for start in range(0, len(self), CHUNK):
            some = slice(start, start + CHUNK)
            scores, labels = self.scores[some].astype(np.float64), self.labels[some].astype(np.float64)
            yield np.ones(len(scores)) if weights is None else weights[some], scores, labels
