"""A table whose rows are divided among trainers, each with its optimizer's state."""

from __future__ import annotations

from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.device import to_array
from rec.distributed.ranks import Ranks
from rec.numeric import Array
from rec.table.host import HostTable
from rec.table.optimizer import RowOptimizer
from rec.table.replicated import merged
from rec.table.table import INIT_STD, WEIGHT

BLOCK = 1 << 24
"""Bytes of an array that travel at once, so that no trainer holds another's part beside its own."""


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
        self._asked: list[Array] = []  # of each trainer the rows, int64, that it wants from this one
        self._order = np.empty(0, np.int64)  # of this trainer's ids by their owner
        self._ends = np.empty(0, np.int64)  # where the next owner's begin in that order
        self._sizes: list[list[int]] = []  # how many rows each trainer has asked from each
        self._moved = np.empty(0, np.int64)

    def pull(self, batch: Batch) -> list[Array]:
        """See `Table.pull`; all trainers call it together, but in evaluation, when the first one alone has a batch."""
        if batch.everyone is None:
            self._ranks.order("serve", table=self._number)
        values = self._values(batch.rows)
        return [self._pool(values, bags) for bags in batch.bags]

    def serve(self) -> None:
        """Give the first trainer the rows that it asks for."""
        self._values(np.empty(0, np.int64))

    def _values(self, ids: Array) -> Array:
        """Float32 [N, D] of some ids, int64 [N], from their owners."""
        self._settle()
        owner = ids % self._ranks.count
        self._order = np.argsort(owner, kind="stable")
        sizes = np.bincount(owner, minlength=self._ranks.count)
        self._ends = np.cumsum(sizes)[:-1]
        wanted = np.split(ids[self._order] // self._ranks.count, self._ends)
        self._sizes = [each[0].tolist() for each in self._ranks.gather(sizes[None, :], [1] * self._ranks.count)]
        self._asked = self._ranks.swap(wanted, self._sizes)
        given = self._ranks.swap([self._weight[rows] for rows in self._asked], list(zip(*self._sizes, strict=True)))
        values = np.empty((len(ids), self.dim), np.float32)
        values[self._order] = np.concatenate(given)
        return values

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        self.move(batch, self.collect(batch, gradients))

    def collect(self, batch: Batch, gradients: list[Any]) -> list[Array]:
        """Float32 [M, D], of the M of this trainer's rows that anybody's part of the batch moves."""
        assert batch.everyone is not None
        own = self._sum(batch, [to_array(gradient).reshape(-1, self.dim) for gradient in gradients])[self._order]
        given = self._ranks.swap(np.split(own, self._ends), self._sizes)
        busy = [rank for rank, size in enumerate(batch.everyone.sizes) if size]
        self._moved, total = merged([self._asked[rank] for rank in busy], [given[rank] for rank in busy])
        total /= np.float32(self._ranks.count)
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
