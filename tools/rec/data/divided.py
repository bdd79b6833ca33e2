"""The batches that several trainers divide: each has its part of them, and the labels of all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from rec.data.batch import Batch, Everyone
from rec.data.plan import ReadPlan
from rec.data.prefetch import Prefetched
from rec.data.reader import Reader
from rec.distributed.ranks import Ranks
from rec.errors import UserError
from rec.numeric import Array


class Divided:
    """This trainer's parts of a plan's batches become parts of a whole.

    Args:
        reader, plan: whose batches they are.
        ranks: the trainers.
        exchange_ids: what else they tell each other of a batch, see `Table.exchange_ids`.
    """

    def __init__(self, reader: Reader, plan: ReadPlan, ranks: Ranks, exchange_ids: Callable[[Batch], Any]) -> None:
        self._reader, self._plan, self._ranks, self._exchange_ids = reader, plan, ranks, exchange_ids
        self._total = reader.count(plan)
        self._spare: Batch | None = None

    def shared(self, index: int, batch: Batch) -> Batch:
        """This trainer's part of batch `index` with what all have of it; all trainers call it together.

        Who has no impression of it takes part with one that weighs nothing, so that all do the same.
        """
        first, end = self._plan.share(index, self._total)
        everyone = _exchanged(batch, end > first, self._reader.labels, self._ranks.beside)
        if len(everyone) and not everyone.sizes[self._ranks.rank]:
            batch = self._weightless()
        batch = replace(batch, everyone=everyone, counts=everyone.counts)
        return replace(batch, asked=self._exchange_ids(batch)) if len(everyone) else batch

    def _weightless(self) -> Batch:
        """One impression of the epoch."""
        if self._spare is None:
            plan = replace(self._plan, batch_size=1, rank=0, ranks=1, start=0, drop_last=False)
            self._spare = next((batch for batch in self._reader.batches(plan) if len(batch)), None)
        if self._spare is None:
            raise UserError("no impression can be trained on")
        return self._spare


def divided_batches(
    batches: Generator[Any, None, None], reader: Any, plan: ReadPlan, ranks: Ranks, table: Any
) -> Batches:
    """A plan's batches, this trainer's part of each where several divide them; `table`: whose ids these tell."""
    if plan.ranks == 1:
        return batches
    return DividedBatches(batches, Divided(reader, plan, ranks, table.exchange_ids), plan.start, ranks)


class DividedBatches(Iterator[Batch]):
    """A trainer's parts of a plan's batches. What trainers tell each other of a batch before its step a thread
    exchanges while they compute the one before.

    Args:
        batches: they, as they are read.
        divided: makes them parts of a whole.
        start: the number of the first.
        ranks: the trainers.
    """

    def __init__(self, batches: Iterator[Batch], divided: Divided, start: int, ranks: Ranks) -> None:
        work = _following if ranks.rank else _leading
        self._ranks, self._ahead = ranks, Prefetched(work(batches, start, divided, ranks.hub), 1)

    def __next__(self) -> Batch:
        batch: Batch = next(self._ahead)
        assert batch.everyone is not None
        self._ranks.sizes = batch.everyone.sizes
        return batch

    def close(self) -> None:
        """There will be no more steps; all trainers close theirs."""
        self._ahead.close()


Batches: TypeAlias = Generator[Any, None, None] | DividedBatches
"""Batches in their order, which whoever leaves them early closes."""


def _leading(batches: Iterator[Any], start: int, divided: Divided, hub: Any) -> Generator[Any, None, None]:
    """The first trainer's batches."""
    try:
        for index, batch in enumerate(batches, start):
            hub.another()
            yield divided.shared(index, batch)
    finally:
        hub.no_more()


def _following(batches: Iterator[Any], start: int, divided: Divided, hub: Any) -> Generator[Any, None, None]:
    """Another trainer's, but for those without an impression, which make no step."""
    try:
        for index, batch in enumerate(batches, start):
            if not hub.another():
                return
            batch = divided.shared(index, batch)
            if len(batch.everyone or ()):
                yield batch
    except Exception as error:
        hub.fail(error)
        raise
    hub.no_more()


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
    told = dict(zip(names, np.concatenate(found, axis=1), strict=True))
    return Everyone(told, tuple(part.shape[1] for part in found), ranks.rank, dict(met))


def _opened(data: Array, num_label: int) -> tuple[Array, dict[str, Any]]:
    """Labels, float32 [num_label, n], and counts."""
    rows = int(data[:8].view(np.int64)[0])
    end = 8 + 4 * rows * num_label
    return data[8:end].copy().view(np.float32).reshape(num_label, rows), json.loads(bytes(data[end:]))
