"""The metrics of `runner.metrics` over a pass: what they are told of each batch, and what they came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rec.config.metrics import Asked, parse
from rec.config.settings import RunnerSettings
from rec.contract.native import check_labels
from rec.data.batch import Batch
from rec.data.by import by_of
from rec.errors import UserError
from rec.metrics.estimate import Estimates
from rec.metrics.judged import Judged
from rec.metrics.task import Task
from rec.run.assembly import Run


class Judge:
    """Collects the predictions of a pass with a reader.

    Args:
        run: the run.
        reader: whose batches are judged.

    Raises:
        UserError: a metric is of numbers, and the model predicts none, or the other way round.
    """

    def __init__(self, run: Run, reader: Any) -> None:
        runner, tasks = run.config.runner, run.counted.tasks if run.counted is not None else ()
        asked = asked_for(runner, tasks)
        self._columns, self._vocabulary = asked.columns, reader.vocabulary
        self._judged = Judged(tasks, asked, runner.seed)
        self._labels = {name for task in self._judged.tasks for name in (task.label, task.among) if name}

    def add(self, batch: Batch, values: Mapping[str, Any]) -> None:
        """A batch's predictions, `p<task>` [B, 1]; impressions whose labels contradict each other do not count."""
        check_labels(self._labels, batch.labels)
        by = by_of(batch, self._columns, self._vocabulary)
        if batch.excluded is not None:
            kept = ~batch.excluded
            by = {
                key: values.filter(kept) if isinstance(values, pa.Array) else values[kept] for key, values in by.items()
            }
        self._judged.update(
            {task.name: batch.counted(values[f"p{task.name}"].reshape(-1)) for task in self._judged.tasks},
            {name: batch.counted(batch.labels[name]) for name in self._labels},
            by,
        )

    def metrics(self) -> Estimates:
        """Over all impressions."""
        return self._judged.estimates()

    def segments(self) -> dict[str, dict[str, Estimates]]:
        """By segment and its value."""
        return self._judged.segments()


def judge_of(run: Run, reader: Any) -> Judge | None:
    """What a pass with a reader is judged by besides; None where nothing is asked for."""
    return Judge(run, reader) if run.native and run.config.runner.metrics else None


def asked_for(runner: RunnerSettings, tasks: Sequence[Task]) -> Asked:
    """What a config asks for of these tasks.

    Raises:
        UserError: a metric fits none of them.
    """
    asked, kinds = parse(runner), {task.kind for task in tasks}
    if not kinds:  # PaddleRec's directories count for themselves, and say so
        return asked
    for metric in asked.metrics:
        if metric.of not in kinds:
            of = "probabilities" if metric.of == "binary" else "numbers (head: regression)"
            raise UserError(f"runner.metrics: {metric.name} judges {of}, and the model predicts none")
    return asked
