"""What readers met in the data, gathered over a pass and said once."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rec.console import log
from rec.data.batch import Batch


class Notices:
    """Sums the counts that batches carry (`Batch.counts`)."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, batch: Any) -> None:
        """Count a batch's; PaddleRec's batches carry none."""
        if isinstance(batch, Batch):
            self._counts.update(batch.counts)

    def log(self, data: str, fate: str) -> None:
        """One line per kind of finding; `fate` is what became of impressions where a finding does not say it itself."""
        total = self._counts.pop("impressions", 0)
        for text, count in sorted(self._counts.items()):
            finding, _, own = text.partition(": ")
            log.warning("%s: %d %s (of %d impressions): %s", data, count, finding, total, own or fate)
