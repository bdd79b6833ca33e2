"""Chosen rows of a reader's batches, filled up to whole batches again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.data.plan import ReadPlan
from rec.data.ragged import Ragged
from rec.numeric import Array

Choose = Callable[[Batch], Array]
"""int64 [k]: rows of a batch, some of them perhaps several times."""


def usable(batch: Batch) -> Array:
    """bool [B]: impressions that tell both click and conversion, without contradiction. All systems see these alone."""
    known = ~np.isnan(batch.labels["click"]) & ~np.isnan(batch.labels["conversion"])
    return known if batch.excluded is None else known & ~batch.excluded


@dataclass(frozen=True)
class ChosenRows:
    """A reader that delivers what `choose` takes of another's batches.

    It does not know how many impressions it has, and reads in one process.
    """

    reader: Any
    choose: Choose
    threads, may_fork = 1, False

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of the reader."""
        return self.reader.labels

    @property
    def blocks(self) -> Any:
        """Those of the reader."""
        return self.reader.blocks

    @property
    def numbers(self) -> tuple[str, ...]:
        """Those of the reader."""
        return tuple(self.reader.numbers)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """Batches of `plan.batch_size` chosen rows, the last one smaller."""
        pieces: list[tuple[Batch, Array]] = []
        waiting = 0
        for batch in self.reader.batches(replace(plan, drop_last=False)):
            rows = self.choose(batch)
            while len(rows):
                some, rows = rows[: plan.batch_size - waiting], rows[plan.batch_size - waiting :]
                pieces.append((batch, some))
                waiting += len(some)
                if waiting == plan.batch_size:
                    yield join(pieces)
                    pieces, waiting = [], 0
        if pieces and not plan.drop_last:
            yield join(pieces)


def join(pieces: list[tuple[Batch, Array]]) -> Batch:
    """One batch of the chosen rows (int64 [k]) of several; a common row that none of them needs is left out."""
    blocks = [_take_block(pieces, number) for number in range(len(pieces[0][0].bags))]
    ids, where = np.unique(np.concatenate([ragged.ids for ragged, _ in blocks]), return_inverse=True)
    ends = np.cumsum([len(ragged.ids) for ragged, _ in blocks])
    bags = tuple(
        replace(
            old, positions=place.astype(np.int32), offsets=ragged.offsets, weights=ragged.values, row_index=row_index
        )
        for (ragged, row_index), place, old in zip(blocks, np.split(where, ends[:-1]), pieces[0][0].bags, strict=True)
    )
    first = pieces[0][0]

    def together(values: Callable[[Batch], Array]) -> Array:
        return np.concatenate([values(batch)[rows] for batch, rows in pieces])

    return Batch(
        ids.astype(np.int64),
        bags,
        {name: together(lambda b, n=name: b.labels[n]) for name in first.labels},  # type: ignore[misc]
        together(lambda b: b.sample_ids),
        together(lambda b: np.zeros(len(b), bool) if b.excluded is None else b.excluded),
        truth={name: together(lambda b, n=name: b.truth[n]) for name in first.truth},  # type: ignore[misc]
        counts={"impressions": sum(len(rows) for _, rows in pieces)},
        numbers=None if first.numbers is None else together(lambda b: b.numbers),  # type: ignore[arg-type, return-value]
    )


def _take_block(pieces: list[tuple[Batch, Array]], number: int) -> tuple[Ragged, Array | None]:
    """A block's rows as ragged ids, and the row of each impression where rows are shared."""
    parts, row_index, before = [], [], 0
    for batch, chosen in pieces:
        bags = batch.bags[number]
        ids = batch.rows[bags.positions].astype(np.int32)
        ragged = Ragged(bags.num_field, bags.offsets, ids, bags.weights)
        if bags.row_index is None:
            parts.append(ragged.take(chosen.astype(np.int64)))
            continue
        rows, place = np.unique(bags.row_index[chosen], return_inverse=True)
        parts.append(ragged.take(rows.astype(np.int64)))
        row_index.append((place + before).astype(bags.row_index.dtype))
        before += len(rows)
    return Ragged.concatenate(parts), np.concatenate(row_index) if row_index else None
