"""Collects the predictions, labels and columns of a pass, and computes a config's metrics, by segment too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rec.config.metrics import Asked, Segment
from rec.errors import UserError
from rec.metrics.estimate import Estimate, Estimates
from rec.metrics.groups import numbered
from rec.metrics.judging import judge
from rec.metrics.kept import Kept
from rec.metrics.rows import Rows
from rec.metrics.segments import Names, cut
from rec.metrics.task import Task
from rec.numeric import Array

_DTYPES = {"group": np.uint64, "value": np.int32, "number": np.float64}


class Judged:
    """Keeps rows outside memory, as `Kept` does: per row four bytes for each task's prediction, one for each label that
    is 0 or 1 (four for a number), and of each column eight, or four of one whose values are segments.

    A row counts for a task if its label is known, `among` is 1 and the prediction is finite.

    Args:
        tasks: what is judged.
        asked: metrics and segments.
        seed: of bootstraps.
    """

    def __init__(self, tasks: Sequence[Task], asked: Asked, seed: int) -> None:
        self.tasks, self.asked, self._seed = [task for task in tasks if asked.judging(task.kind)], asked, seed
        self._names = {column.key: Names(column.name) for column in asked.columns if column.kind == "value"}
        self._kept = {f"scores {task.name}": Kept(np.float32) for task in self.tasks}
        self._kept |= {_label(task): Kept(np.int8 if task.kind == "binary" else np.float32) for task in self.tasks}
        self._kept |= {column.key: Kept(_DTYPES[column.kind]) for column in asked.columns}
        self._numbered: dict[str, tuple[Kept, Array]] = {}

    def update(self, predictions: Mapping[str, Array], labels: Mapping[str, Array], columns: Mapping[str, Any]) -> None:
        """Keep a batch.

        Args:
            predictions: [B] by task.
            labels: float [B] by name, NaN where not known.
            columns: [B] by `Column.key`: uint64 of groups, 0 where there is none; float64 of numbers, NaN where there
                is none; Arrow's strings of values, "" where there is none.

        Raises:
            UserError: a weight is below 0 or not known.
        """
        found: dict[str, Array] = {}
        for task in self.tasks:
            found[f"scores {task.name}"] = np.array(predictions[task.name], np.float32)
            found[_label(task)] = _labels_of(task, labels)
        weights = {metric.weight for metric in self.asked.metrics}
        for column in self.asked.columns:
            values = columns[column.key]
            if column in weights and not bool(np.all(np.isfinite(values) & (values >= 0))):
                raise UserError(f"runner.metrics: weight {column.name} should be a number of at least 0 in every row")
            found[column.key] = self._names[column.key](values) if column.kind == "value" else np.array(values)
        self._numbered.clear()
        for key, values in found.items():
            self._kept[key].append(values)

    def merge(self, other: Judged) -> None:
        """Add the rows of another, which collected for the same tasks and config."""
        self._numbered.clear()
        for key, kept in other._kept.items():
            values = kept.since(0)
            names = self._names.get(key)
            self._kept[key].append(values if names is None else names(other._names[key].texts.take(pa.array(values))))

    def estimates(self) -> Estimates:
        """Over all rows."""
        return {task.name: self._judge(task, self._rows(task)[0]) for task in self.tasks}

    def segments(self) -> dict[str, dict[str, Estimates]]:
        """By segment, and by value of it in their order."""
        return {segment.name: self._by(segment) for segment in self.asked.segments}

    def _by(self, segment: Segment) -> dict[str, Estimates]:
        names, codes = cut(segment, self._kept[segment.column.key].since(0), self._names.get(segment.column.key))
        found: dict[str, Estimates] = {name: {} for name in names}
        for task in self.tasks:
            rows, index = self._rows(task)
            own = codes if index is None else codes[index]
            order = np.argsort(own, kind="stable").astype(np.int32)
            bounds = [0, *np.cumsum(np.bincount(own, minlength=len(names)))]
            for name, start, end in zip(names, bounds[:-1], bounds[1:], strict=True):
                found[name][task.name] = self._judge(task, rows.take(order[start:end]))
        return found

    def _judge(self, task: Task, rows: Rows) -> dict[str, Estimate]:
        return judge(rows, self.asked.judging(task.kind), self._seed)

    def _rows(self, task: Task) -> tuple[Rows, Array | None]:
        """Those that count for a task, and their numbers, int64 [n]; None: all."""
        scores, labels = self._kept[f"scores {task.name}"].since(0), self._kept[_label(task)].since(0)
        counted = np.isfinite(scores) & ((labels >= 0) if task.kind == "binary" else ~np.isnan(labels))
        index = None if counted.all() else np.flatnonzero(counted)
        if index is not None:
            scores, labels = scores[index], labels[index]

        def column(key: str) -> Array:
            values = (self._groups(key)[0] if key.startswith("group") else self._kept[key]).since(0)
            return values if index is None else values[index]

        labels = labels.view(bool) if task.kind == "binary" else labels
        return Rows(scores, labels, column, lambda key: self._groups(key)[1]), index

    def _groups(self, key: str) -> tuple[Kept, Array]:
        """As `numbered` of all rows of a column, once."""
        if key not in self._numbered:
            numbers, units = numbered(self._kept[key].since(0))
            self._numbered[key] = Kept(np.int32), units
            self._numbered[key][0].append(numbers)
        return self._numbered[key]


def _label(task: Task) -> str:
    return f"labels {task.label} among {task.among}"


def _labels_of(task: Task, labels: Mapping[str, Array]) -> Array:
    """int8 [B], 0, 1, or -1 where a row does not count; of a number float32, NaN there."""
    label = np.asarray(labels[task.label], np.float32)
    counts = np.isfinite(label)
    if task.among:
        counts &= np.asarray(labels[task.among]) == 1
    if task.kind == "binary":
        return np.where(counts, label == 1, -1).astype(np.int8)
    return np.where(counts, label, np.float32("nan"))
