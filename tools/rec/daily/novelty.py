"""What a day's rows hold that the model has not met: metrics of known and of new values apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.data.vocabulary import Vocabulary
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics
from rec.numeric import Array


class Novelty:
    """Collects predictions by what is new in their rows.

    Args:
        tasks: what is predicted.
        vocabulary: what the model knows; None: nothing tells new values.
    """

    def __init__(self, tasks: Sequence[Task], vocabulary: Vocabulary | None) -> None:
        self._tasks, self._vocabulary = tasks, vocabulary
        self._metrics: dict[str, TaskMetrics] = {}

    def add(self, batch: Batch, values: Mapping[str, Any]) -> None:
        """Take a batch and what was predicted of it (`p<task>`: [B, 1])."""
        scores = {task.name: batch.counted(values[f"p{task.name}"].reshape(-1)) for task in self._tasks}
        labels = {name: batch.counted(label) for name, label in batch.labels.items()}
        for name, rows in self._groups(batch):
            kept = batch.counted(rows)
            self._metrics.setdefault(name, TaskMetrics(self._tasks)).update(
                {task: score[kept] for task, score in scores.items()},
                {label: given[kept] for label, given in labels.items()},
            )

    def rows(self, day: str) -> list[dict[str, Any]]:
        """A row for each group and task: `all`, `known` (no value is new), `new`, and `new FIELD`."""
        return [
            {"day": day, "rows": group, "task": task, **result.as_dict()}
            for group, metrics in self._metrics.items()
            for task, result in metrics.accumulate().items()
            if group == "all" or result.n
        ]

    def _groups(self, batch: Batch) -> Iterator[tuple[str, Array]]:
        """Rows by what they have in common, bool [B] each."""
        yield "all", np.ones(len(batch), bool)
        if self._vocabulary is None:
            return
        new = unknown_rows(batch, self._vocabulary)
        some = np.any(list(new.values()), axis=0) if new else np.zeros(len(batch), bool)
        yield "known", ~some
        yield "new", some
        yield from ((f"new {name}", rows) for name, rows in new.items())


def unknown_rows(batch: Batch, vocabulary: Vocabulary) -> dict[str, Array]:
    """By field whether each row has a value that a vocabulary does not know, bool [B].

    Nothing of hashes and buckets, which know every value, and of fields with the ids of others.
    """
    found = {}
    for bags in (each.as_fields() for each in batch.bags):
        fields = [*bags.fields]
        first = np.array([vocabulary.offset(name) for name in fields])
        bag = np.repeat(np.arange(len(bags.offsets) - 1), np.diff(bags.offsets))
        hit = batch.rows[bags.positions] == first[bag % len(fields)]
        unknown = np.zeros((bags.num_row, len(fields)), bool)
        unknown.reshape(-1)[bag[hit]] = True
        for place, name in enumerate(fields):
            if vocabulary.values[name] is not None and name not in (*vocabulary.edges, *vocabulary.shares):
                rows = unknown[:, place]
                found[name] = rows if bags.row_index is None else rows[bags.row_index]
    return found
