"""The batches that several trainers divide: each has its part of them, and the labels of all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from rec.data.batch import Batch, Everyone
from rec.data.plan import ReadPlan
from rec.data.reader import Reader
from rec.distributed.ranks import Ranks
from rec.errors import UserError
from rec.numeric import Array


class Divided:
    """This trainer's parts of a plan's batches become parts of a whole.

    Args:
        reader, plan: whose batches they are.
        ranks: the trainers.
    """

    def __init__(self, reader: Reader, plan: ReadPlan, ranks: Ranks) -> None:
        self._reader, self._plan, self._ranks = reader, plan, ranks
        self._total = reader.count(plan)
        self._spare: Batch | None = None

    def shared(self, index: int, batch: Batch) -> Batch:
        """This trainer's part of batch `index` with what all have of it; all trainers call it together.

        Who has no impression of it takes part with one that weighs nothing, so that all do the same.
        """
        first, end = self._plan.share(index, self._total)
        everyone = _exchanged(batch, end > first, self._reader.labels, self._ranks)
        self._ranks.sizes = everyone.sizes
        if len(everyone) and not everyone.sizes[self._ranks.rank]:
            batch = self._weightless()
        return replace(batch, everyone=everyone, counts=everyone.counts)

    def _weightless(self) -> Batch:
        """One impression of the epoch."""
        if self._spare is None:
            plan = replace(self._plan, batch_size=1, rank=0, ranks=1, start=0, drop_last=False)
            self._spare = next((batch for batch in self._reader.batches(plan) if len(batch)), None)
        if self._spare is None:
            raise UserError("no impression can be trained on")
        return self._spare


def led(batches: Iterator[Any], reader: Any, plan: ReadPlan, ranks: Ranks) -> Iterator[Any]:
    """A plan's batches; the first of several trainers waits for the others at each, and they for it elsewhere."""
    if plan.ranks == 1 or plan.rank:
        yield from batches
        return
    divided = Divided(reader, plan, ranks)
    for index, batch in enumerate(batches, plan.start):
        ranks.order("batch", index=index)
        yield divided.shared(index, batch)


def _exchanged(batch: Batch, mine: bool, names: tuple[str, ...], ranks: Ranks) -> Everyone:
    """Exchange the labels of a batch, and what its readers met; `mine`: this trainer's part is not empty."""
    notes = json.dumps({what: int(count) for what, count in batch.counts.items()} if mine else {}).encode()
    labels = np.stack([batch.labels[name][: len(batch) if mine else 0] for name in names])
    header = np.array([labels.shape[1]], np.int64).view(np.uint8)
    given = np.concatenate([header, labels.reshape(-1).view(np.uint8), np.frombuffer(notes, np.uint8)])
    found, met = [], Counter[str]()
    for each in ranks.gather(given):
        part, more = _opened(each, len(names))
        found.append(part)
        met.update(more)
    together = dict(zip(names, np.concatenate(found, axis=1), strict=True))
    return Everyone(together, tuple(part.shape[1] for part in found), ranks.rank, dict(met))


def _opened(data: Array, num_label: int) -> tuple[Array, dict[str, Any]]:
    """Labels, float32 [num_label, n], and counts."""
    rows = int(data[:8].view(np.int64)[0])
    end = 8 + 4 * rows * num_label
    return data[8:end].copy().view(np.float32).reshape(num_label, rows), json.loads(bytes(data[end:]))
