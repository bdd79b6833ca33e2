"""What a task's predictions look like over some steps, whatever the labels: their mean, their width, the rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec.numeric import Array


@dataclass
class Spread:
    """Running figures of one task.

    Attributes:
        batches, n: how many batches of more than one row, and their rows.
        total: sum of the predictions of all rows, also of those that do not count for the task.
        widest: over the batches, the largest (highest - lowest) / highest prediction; 0 if each batch was constant.
        counted, positives: rows that count for the task (the clicked ones, for CVR), and the positive ones of them.
    """

    batches: int = 0
    n: int = 0
    total: float = 0.0
    widest: float = 0.0
    counted: int = 0
    positives: int = 0

    def add(self, scores: Array, labels: Array) -> None:
        """Count a batch: predictions float32 [B], those that are not finite passed over, and the labels that count."""
        scores = scores[np.isfinite(scores)]
        if len(scores) < 2:
            return
        highest = float(scores.max())
        self.batches += 1
        self.n += len(scores)
        self.total += float(scores.sum(dtype=np.float64))
        if highest > 0:
            self.widest = max(self.widest, (highest - float(scores.min())) / highest)
        self.counted += len(labels)
        self.positives += int(np.count_nonzero(labels))
