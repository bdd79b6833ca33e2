"""A table that every trainer has whole, and moves by the gradients of all."""

from __future__ import annotations

from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.distributed.ranks import Ranks
from rec.numeric import Array
from rec.table.host import HostTable
from rec.table.optimizer import RowOptimizer


class ReplicatedTable(HostTable):
    """Of each batch the trainers exchange their distinct ids and these rows' gradients; all apply the same update.

    Args:
        weight, optimizer, moving: see `HostTable`.
        ranks: the trainers.
    """

    def __init__(self, weight: Array, optimizer: RowOptimizer, moving: Array | None, ranks: Ranks) -> None:
        super().__init__(weight, optimizer, moving)
        self._ranks = ranks
        self._moved = np.empty(0, np.int64)

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        self.move(batch, self.collect(batch, gradients))

    def collect(self, batch: Batch, gradients: list[Any]) -> list[Array]:
        """Float32 [M, D], of the M rows that anybody's part of the batch moves."""
        (own,) = super().collect(batch, gradients)
        rows = batch.own_rows
        everybodys = self._ranks.gather(rows)
        totals = self._ranks.gather(own[: len(rows)], [len(each) for each in everybodys])
        self._moved, total = merged(everybodys, totals)
        total /= np.float32(self._ranks.count)
        return [total]

    def move(self, batch: Batch, collected: list[Any]) -> None:
        self._settle()
        self._update = self._worker.submit(self._move, self._moved, *collected)


def merged(rows: list[Array], totals: list[Array]) -> tuple[Array, Array]:
    """The distinct rows of all trainers, int64 [M], and their gradients' sums in the order of trainers, float32 [M, D].

    Args:
        rows: distinct ones of each, int64 [n].
        totals: float32 [n, D] each.
    """
    found, place = np.unique(np.concatenate(rows), return_inverse=True)
    total = np.zeros((len(found), totals[0].shape[1]), np.float32)
    ends = np.cumsum([len(each) for each in rows])[:-1]
    for at, each in zip(np.split(place.reshape(-1), ends), totals, strict=True):
        total[at] += each
    return found, total
