"""A table whose rows are divided among trainers, each with its optimizer's state."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.data.distinct import DistinctIds
from rec.device import to_array
from rec.distributed.ranks import Ranks
from rec.kernels import table as kernels
from rec.numeric import Array
from rec.table.host import HostTable
from rec.table.optimizer import RowOptimizer
from rec.table.replicated import Union
from rec.table.table import INIT_STD, WEIGHT

BLOCK = 1 << 24
"""Bytes of an array that travel at once, so that no trainer holds another's part beside its own."""


@dataclass(frozen=True)
class Asked:
    """Which rows of a batch's ids trainers want from each other.

    Attributes:
        order: of this trainer's ids by their owner, int64 [N].
        sizes: how many rows each trainer has asked from each.
        rows: of each trainer those, int64, that it wants from this one.
        ends: where the next owner's begin in `order`, int64 [K - 1].
        moved: this one's rows that the batch moves; None: it moves none.
    """

    order: Array
    sizes: list[list[int]]
    rows: list[Array]
    ends: Array
    moved: Union | None = None


class ShardedTable(HostTable):
    """Row i is row i // K of trainer i mod K, of K: neighbours, which are as frequent as each other, are apart.

    A step asks the rows of its distinct ids from their owners, and hands them the gradients.

    Args:
        weight: float32 [V / K, D], this trainer's rows, taken over.
        optimizer: the rule that moves rows.
        moving: whether it moves each of these, bool; None: all.
        ranks: the trainers.
        num_row: V.
        number: of this table among a model's, see `Table.parts`.
    """

    divided = True

    def __init__(
        self, weight: Array, optimizer: RowOptimizer, moving: Array | None, ranks: Ranks, num_row: int, number: int
    ) -> None:
        super().__init__(weight, optimizer, moving)
        self._ranks, self._num_row, self._number = ranks, num_row, number
        self._distinct = DistinctIds(len(weight))
        self._moved = np.empty(0, np.int64)

    def exchange_ids(self, batch: Batch) -> Asked:
        assert batch.everyone is not None
        asked = self._ask(batch.rows, self._ranks.beside)
        busy = [rows for rows, size in zip(asked.rows, batch.everyone.sizes, strict=True) if size]
        return replace(asked, moved=Union.of(self._distinct, busy))

    def pull(self, batch: Batch) -> list[Array]:
        """See `Table.pull`; all trainers call it together, but in evaluation, when the first one alone has a batch."""
        if batch.asked is None:
            self._ranks.order("serve", table=self._number)
        values = self._values(batch.asked or self._ask(batch.rows, self._ranks))
        return [self._pool(values, bags) for bags in batch.bags]

    def serve(self) -> None:
        """Give the first trainer the rows that it asks for."""
        self._values(self._ask(np.empty(0, np.int64), self._ranks))

    def _ask(self, ids: Array, ranks: Ranks) -> Asked:
        """Ask the rows of ids, int64 [N], from their owners."""
        owner = (ids % ranks.count).astype(np.uint16)  # sorted in linear time
        order = np.argsort(owner, kind="stable")
        sizes = np.bincount(owner, minlength=ranks.count)
        wanted = np.split(ids[order] // ranks.count, np.cumsum(sizes)[:-1])
        everybodys = [each[0].tolist() for each in ranks.gather(sizes[None, :], [1] * ranks.count)]
        return Asked(order, everybodys, ranks.swap(wanted, everybodys), np.cumsum(sizes)[:-1])

    def _values(self, asked: Asked) -> Array:
        """Float32 [N, D] of this trainer's ids, from their owners."""
        self._settle()
        rows = [np.take(self._weight, each, axis=0, mode="clip") for each in asked.rows]
        given = self._ranks.swap(rows, list(zip(*asked.sizes, strict=True)))
        values = np.empty((len(asked.order), self.dim), np.float32)
        for each, place in zip(given, np.split(asked.order, asked.ends), strict=True):
            kernels.put(each, place, values)
        return values

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        self.move(batch, self.collect(batch, gradients))

    def collect(self, batch: Batch, gradients: list[Any]) -> list[Array]:
        """Float32 [M, D], of the M of this trainer's rows that anybody's part of the batch moves."""
        asked: Asked = batch.asked
        assert batch.everyone is not None
        assert asked.moved is not None
        own = self._sum(batch, [to_array(gradient).reshape(-1, self.dim) for gradient in gradients])
        by_owner = np.split(np.take(own, asked.order, axis=0, mode="clip"), asked.ends)
        given = self._ranks.swap(by_owner, asked.sizes)
        busy = [each for each, size in zip(given, batch.everyone.sizes, strict=True) if size]
        total = asked.moved.mean(busy, self._ranks.count)
        self._moved = asked.moved.rows
        if self.moving is not None:
            total[~self.moving[self._moved]] = 0
        return [total]

    def move(self, batch: Batch, collected: list[Any]) -> None:
        self._settle()
        self._update = self._worker.submit(self._move, self._moved, *collected)

    def arrays(self) -> dict[str, Array]:
        """In the shape of the whole table, without memory: no trainer has all rows. See `shard`."""
        shape = (self._num_row,)
        return {
            name: np.broadcast_to(np.zeros((), own.dtype), shape + own.shape[1:]) for name, own in self._own().items()
        }

    def shard(self) -> dict[str, Array]:
        return {WEIGHT if name == "weight" else f"{WEIGHT}/{name}": own for name, own in self._own().items()}

    def take(self, arrays: dict[str, Array]) -> None:
        """Copy in this trainer's rows of whole arrays."""
        own = self._own()
        for name, value in arrays.items():
            own[name][...] = value[self._ranks.rank :: self._ranks.count]

    def _own(self) -> dict[str, Array]:
        return super().arrays()


def share_of(num_row: int, dim: int, rank: int, count: int, *seed: int) -> Array:
    """The rows of one of `count` trainers of `initial_weights(num_row, dim, *seed)`, without holding the others'."""
    random = np.random.default_rng(seed[0] if len(seed) == 1 else seed)
    found = np.empty((len(range(rank, num_row, count)), dim), np.float32)
    size = count * max(1, BLOCK // (4 * dim * count))
    for start in range(0, num_row, size):
        block = random.standard_normal((min(size, num_row - start), dim), np.float32)[rank::count]
        found[start // count : start // count + len(block)] = block
    found *= np.float32(INIT_STD)
    return found
