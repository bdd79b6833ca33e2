"""A table that every trainer has whole, and moves by the gradients of all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.data.distinct import DistinctIds
from rec.distributed.ranks import Ranks
from rec.kernels import table as kernels
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
        self._ranks, self._distinct = ranks, DistinctIds(len(weight))
        self._moved = np.empty(0, np.int64)

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        self.move(batch, self.collect(batch, gradients))

    def exchange_ids(self, batch: Batch) -> Union:
        return Union.of(self._distinct, self._ranks.beside.gather(batch.own_rows))

    def collect(self, batch: Batch, gradients: list[Any]) -> list[Array]:
        """Float32 [M, D], of the M rows that anybody's part of the batch moves."""
        (own,) = super().collect(batch, gradients)
        union: Union = batch.asked
        self._moved = union.rows
        totals = self._ranks.gather(own[: len(batch.own_rows)], [len(place) for place in union.places])
        return [union.mean(totals, self._ranks.count)]

    def move(self, batch: Batch, collected: list[Any]) -> None:
        self._settle()
        self._update = self._worker.submit(self._move, self._moved, *collected)


@dataclass(frozen=True)
class Union:
    """The rows that several trainers' parts of a batch have.

    Attributes:
        rows: distinct ones, int64 [M].
        places: where each trainer's are among them, int32 [n].
    """

    rows: Array
    places: list[Array]

    @classmethod
    def of(cls, distinct: DistinctIds, rows: list[Array]) -> Union:
        """Of the distinct rows of each trainer, int64 [n]."""
        return cls(*distinct(*rows))

    def mean(self, gradients: list[Array], count: int) -> Array:
        """A `count`th of each trainer's float32 [n, D], summed in their order; float32 [M, D]."""
        total = np.zeros((len(self.rows), gradients[0].shape[1]), np.float32)
        for each, place in zip(gradients, self.places, strict=True):
            kernels.add(each, place, total)
        total /= np.float32(count)
        return total
