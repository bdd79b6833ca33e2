"""In how many impressions, and in how many positive ones of each task, every id occurs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from rec.data.batch import Bags, Batch
from rec.metrics.task import Task
from rec.numeric import Array


@dataclass(frozen=True)
class IdCounts:
    """K ids and T tasks.

    Attributes:
        ids: int64 [K], distinct.
        field: int64 [K], index of a field in which the id occurs.
        impressions, positives: float64 [K, T], impressions that count in a task and hold the id, and the positive ones.
    """

    ids: Array
    field: Array
    impressions: Array
    positives: Array


class IdCounter:
    """Counts batch by batch, for binary tasks."""

    def __init__(self, tasks: tuple[Task, ...]) -> None:
        self._tasks = tasks
        self._pieces: list[tuple[Array, Array, Array, Array]] = []

    def add(self, batch: Batch) -> None:
        """Count a batch; an id that an impression holds twice in a block counts once."""
        if not self._tasks:
            return
        counted = np.stack([task_rows(task, batch.labels) for task in self._tasks], axis=1).astype(np.float32)
        positive = np.stack([batch.labels[task.label] == 1 for task in self._tasks], axis=1) * counted
        impressions = np.zeros((len(batch.rows), len(self._tasks)))
        positives = np.zeros_like(impressions)
        field, first = np.zeros(len(batch.rows), np.int64), 0
        for bags in (each.as_fields() for each in batch.bags):
            row, position, slot = _pairs(bags, len(batch.rows))
            for total, own in ((impressions, counted), (positives, positive)):
                for task, column in enumerate(own.T):
                    by_row = column if bags.row_index is None else np.bincount(bags.row_index, column, bags.num_row)
                    total[:, task] += np.bincount(position, by_row[row], len(batch.rows))
            field[position] = slot + first
            first += bags.num_field
        self._pieces.append((batch.rows, field, impressions, positives))

    def done(self) -> IdCounts:
        """The counts over all batches."""
        if not self._pieces:
            empty = np.empty((0, len(self._tasks)))
            return IdCounts(np.empty(0, np.int64), np.empty(0, np.int64), empty, empty)
        rows, field, impressions, positives = (np.concatenate(part) for part in zip(*self._pieces, strict=True))
        ids, first, place = np.unique(rows, return_index=True, return_inverse=True)

        def total(values: Array) -> Array:
            return np.stack([np.bincount(place, column, len(ids)) for column in values.T], axis=1)

        return IdCounts(ids, field[first], total(impressions), total(positives))


def binary(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """The tasks that predict probabilities, whose labels are 0 or 1, and not numbers."""
    return tuple(task for task in tasks if task.kind == "binary")


def task_rows(task: Task, labels: dict[str, Array]) -> Array:
    """bool [B], the impressions that count in a task: labelled, and with `among` 1."""
    known = np.isfinite(labels[task.label])
    return np.asarray(known & (labels[task.among] == 1) if task.among else known)


def _pairs(bags: Bags, num_id: int) -> tuple[Array, Array, Array]:
    """Distinct (row, position in the batch's rows) of the tokens, and the field of each."""
    bag = np.repeat(np.arange(len(bags.offsets) - 1), np.diff(bags.offsets))
    keys, first = np.unique((bag // bags.num_field) * num_id + bags.positions, return_index=True)
    return keys // num_id, keys % num_id, bag[first] % bags.num_field
