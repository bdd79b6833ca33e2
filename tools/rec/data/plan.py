"""Which impressions of an epoch one reader process delivers, in which order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rec.numeric import Array


@dataclass(frozen=True)
class ReadPlan:
    """What an epoch's batches depend on, and nothing else: the same plan gives the same batches.

    Attributes:
        batch_size: impressions per batch, of all trainers together.
        training: True: labels must be there, excluded impressions are dropped; False: every impression is delivered.
        epoch, seed: together they fix the order where `shuffle` is on.
        drop_last: leave out an incomplete last batch.
        start: index of the first batch to deliver (resume).
        rank, ranks: this trainer among the trainers that divide each batch.
        worker, workers: this reader process among those of the trainer; batch i comes from worker i % workers, so the
            number of workers changes nothing but speed.
    """

    batch_size: int
    training: bool
    epoch: int = 0
    seed: int = 0
    shuffle: bool = False
    drop_last: bool = False
    start: int = 0
    rank: int = 0
    ranks: int = 1
    worker: int = 0
    workers: int = 1

    def for_worker(self, worker: int, workers: int) -> "ReadPlan":
        """The same epoch as seen by one of several reader processes."""
        return replace(self, worker=worker, workers=workers)

    def divided(self, rank: int, ranks: int) -> "ReadPlan":
        """A trainer's plan, where each of several has `batch_size` impressions of a batch."""
        return replace(self, batch_size=self.batch_size * ranks, rank=rank, ranks=ranks)

    def mine(self, index: int) -> bool:
        """Whether batch `index` is delivered by this worker."""
        return index >= self.start and index % self.workers == self.worker

    def order(self, count: int, group: Array | None = None, *part: int) -> Array:
        """The order in which `count` rows are visited, int64 [count], drawn anew for each `part` of the data.

        Rows of one `group` (int [count], from 0) stay together when they are shuffled.
        """
        rows = np.arange(count)
        if not self.shuffle:
            return rows
        random = np.random.default_rng([self.seed, self.epoch, *part])
        if group is None:
            random.shuffle(rows)
            return rows
        return np.argsort(random.permutation(int(group.max()) + 1)[group], kind="stable")

    def rows(self, num_impression: int, kept: Array | None = None) -> Iterator[Array]:
        """The rows of each of this worker's batches, int64 [B], of data whose rows can be had in any order.

        `kept`, bool [num_impression]: others are left out.
        """
        rows = self.order(num_impression)
        rows = rows if kept is None else rows[kept[rows]]
        for index in range(self.num_batch(len(rows))):
            if self.mine(index):
                first, end = self.share(index, len(rows))
                yield rows[first : max(end, first + 1)]

    def share(self, index: int, num_impression: int) -> tuple[int, int]:
        """Where this trainer's part of batch `index` begins and ends among all impressions, in the epoch's order.

        Parts are neighbours, in the order of trainers, and differ by one impression at the most: of a last batch that
        is smaller than `ranks` some are empty. Readers then read one impression, which nobody counts.
        """
        begin = index * self.batch_size
        size = min(self.batch_size, num_impression - begin)
        return begin + size * self.rank // self.ranks, begin + size * (self.rank + 1) // self.ranks

    def num_batch(self, num_impression: int) -> int:
        """Batches that so many impressions make."""
        return num_impression // self.batch_size if self.drop_last else -(-num_impression // self.batch_size)


def shuffled_chunks(common_row: Array, chunk: int, random: np.random.Generator) -> Array:
    """A random order of impressions, int64 [n], in which runs of one common row stay together, `chunk` at the most.

    A run of neighbours with the same `common_row` (int [n]) is cut from a random offset on, so that over epochs any
    two neighbours are parted.
    """
    n = len(common_row)
    heads = np.flatnonzero(np.concatenate([[True], common_row[1:] != common_row[:-1]]))
    lengths = np.diff(heads, append=n)
    within = np.arange(n) - np.repeat(heads, lengths)
    shift = np.repeat(random.integers(0, chunk, len(heads)), lengths)
    starts = np.flatnonzero((within == 0) | ((within + shift) % chunk == 0))
    sizes = np.diff(starts, append=n)
    order = random.permutation(len(starts))
    first = np.repeat(starts[order], sizes[order])
    ends = np.cumsum(sizes[order])
    return first + np.arange(n) - np.repeat(ends - sizes[order], sizes[order])
