"""PaddleRec's readers: data sets that yield rows, or whole batches where no batch size is set."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from rec.data.collate import as_arrays, collate
from rec.data.plan import ReadPlan
from rec.seeding import seed_host


class RowReader:
    """Makes batches of a PaddleRec `RecDataset`.

    Args:
        dataset: iterable, or map-style; a row is a list of arrays.
        whole_batches: the data set yields batches already.
    """

    def __init__(self, dataset: Any, whole_batches: bool) -> None:
        self.dataset, self.whole_batches = dataset, whole_batches

    def batches(self, plan: ReadPlan) -> Iterator[Any]:
        """The batches of a plan, mostly lists of arrays. Every process reads every row and keeps its own batches."""
        rows = self._rows(plan)
        if self.whole_batches:
            for index, row in enumerate(rows):
                if plan.mine(index):
                    yield as_arrays(row)
            return
        for index in itertools.count():
            batch = list(itertools.islice(rows, plan.batch_size))
            if not batch or (plan.drop_last and len(batch) < plan.batch_size):
                return
            if plan.mine(index):
                yield collate(batch)

    def num_row(self) -> int | None:
        """Rows in the data; None of an iterable data set, which cannot tell, and of one that yields batches."""
        return None if self.whole_batches or hasattr(self.dataset, "__iter__") else len(self.dataset)

    def _rows(self, plan: ReadPlan) -> Iterator[Any]:
        # Readers that draw (negative samples, say) draw the same in each process, and again when an epoch is resumed.
        seed_host(plan.seed, plan.epoch)
        if hasattr(self.dataset, "__iter__"):  # Paddle's IterableDataset also has a __getitem__, which raises
            return iter(self.dataset)
        order = np.arange(len(self.dataset))
        if plan.shuffle:
            np.random.default_rng([plan.seed, plan.epoch]).shuffle(order)
        return (self.dataset[int(index)] for index in order)
