"""Metrics of a model's tasks, collected during an epoch and computed exactly on the host in either graph mode."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rec.errors import UserError
from rec.metrics.auc import CHUNK, as_binary, auc
from rec.metrics.regression import regression_result
from rec.metrics.spread import Spread
from rec.metrics.task import Result, Task, TaskResult

# Log of float32's smallest normal number, the least a prediction is taken to have given to what then happened: one that
# was sure and wrong costs 87.3 instead of infinity.
LOG_SMALLEST = math.log(np.finfo(np.float32).smallest_normal)


class TaskMetrics:
    """Collects predictions and labels step by step, and computes the metrics of every task when asked.

    Holds four bytes per row and task for the prediction and one for the label (four for a number). Tasks with the same
    label and the same `among` share one copy of it. A row counts for a task if its label is known and `among` is 1;
    others are not kept. Of these, a prediction that is not finite is left out of its own task's result.

    Attributes:
        tasks: what is counted.
        not_finite: predictions since the last reset that were NaN or infinite, by task.
        newest: how many rows of the newest batch counted for each task.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        names = [task.name for task in tasks]
        if len(set(names)) < len(names):
            raise ValueError(f"tasks should have distinct names, got {names}")
        self.tasks = tuple(tasks)
        self.spreads: dict[str, Spread] = {}
        self.reset()

    def reset(self) -> None:
        """Forget all rows, as at the start of an epoch."""
        self._pieces: dict[str, list[NDArray[Any]]] = {}
        self._seen = 1
        self.spreads.clear()
        self.not_finite = dict.fromkeys((task.name for task in self.tasks), 0)
        self.newest = dict(self.not_finite)
        for task in self.tasks:
            self._pieces[_score_key(task)] = [np.empty(0, np.float32)]
            self._pieces[_label_key(task)] = [np.empty(0, np.bool_ if task.kind == "binary" else np.float32)]

    def update(self, predictions: Mapping[str, ArrayLike], labels: Mapping[str, ArrayLike]) -> None:
        """Keep a batch: `predictions` by task name, [B], and `labels` by label name, [B], NaN where not known.

        A probability lies in [0, 1] and its label is 0 or 1; a number's label is a number. Names that no task uses are
        ignored. Predictions are kept as float32; nothing is sorted or summed yet.

        Raises:
            KeyError: a task's prediction or label is missing.
            ValueError: shapes are not all [B], a finite probability is outside [0, 1], or a label is not 0 or 1.
        """
        names = {name for task in self.tasks for name in (task.label, task.among) if name}
        given = {name: np.asarray(labels[name], np.float32) for name in names}
        # np.array copies: the caller may reuse its buffer for the next step.
        scores = {task.name: np.array(predictions[task.name], np.float32) for task in self.tasks}
        _check(scores, given, [task.name for task in self.tasks if task.kind == "binary"])
        rows = {_label_key(task): _counted(task, given) for task in self.tasks}

        new: dict[str, NDArray[Any]] = {}
        for task in self.tasks:
            key = _label_key(task)
            if key not in new:
                label = given[task.label][rows[key]]
                new[key] = as_binary(label) if task.kind == "binary" else label
            new[_score_key(task)] = scores[task.name][rows[key]]
        for task in self.tasks:
            self.not_finite[task.name] += int(np.count_nonzero(~np.isfinite(scores[task.name])))
            if task.kind == "binary":
                spread = self.spreads.setdefault(task.name, Spread())
                spread.add(scores[task.name], new[_label_key(task)])
        for key, values in new.items():
            self._pieces[key].append(values)
        self.newest = {task.name: len(new[_label_key(task)]) for task in self.tasks}

    def rows(self) -> dict[str, int]:
        """How many rows have counted for each task since the last reset: labelled, and with `among` 1."""
        return {task.name: sum(map(len, self._pieces[_label_key(task)])) for task in self.tasks}

    def accumulate(self) -> dict[str, Result]:
        """The result of each task by name, over all rows since the last reset; sorts them, so call it per report."""
        return {
            task.name: _result(task, self._column(_score_key(task)), self._column(_label_key(task)))
            for task in self.tasks
        }

    def recent(self) -> dict[str, Result]:
        """The result of each task over the rows that came since the last call: what a log line shows."""
        start = self._seen
        self._seen = max(map(len, self._pieces.values()))
        empty = {key: pieces[0][:0] for key, pieces in self._pieces.items()}
        rows = {key: np.concatenate([empty[key], *pieces[start:]]) for key, pieces in self._pieces.items()}
        return {task.name: _result(task, rows[_score_key(task)], rows[_label_key(task)]) for task in self.tasks}

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was kept, as named [n] arrays (float32 and bool), for `load_state` to take up."""
        return {key: np.concatenate(pieces) for key, pieces in self._pieces.items()}

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Replace what was kept by a `state()`, so that a resumed epoch ends with the metrics of an unbroken one.

        Raises:
            UserError: the state was made for other tasks.
        """
        if state.keys() != self._pieces.keys():
            raise UserError(
                f"saved metrics are of other tasks: found {sorted(state)}, expected {sorted(self._pieces)}; "
                "resume with the tasks of the saved run, or start a new run"
            )
        self._pieces = {key: [values] for key, values in state.items()}
        self._seen = 1

    def _column(self, key: str) -> NDArray[Any]:
        pieces = self._pieces[key]
        if len(pieces) > 1:
            pieces[:] = [np.concatenate(pieces)]
            self._seen = 1
        return pieces[0]


def _score_key(task: Task) -> str:
    return f"scores.{task.name}"


def _label_key(task: Task) -> str:
    return f"labels.{task.label}.among.{task.among}" if task.among else f"labels.{task.label}"


def _counted(task: Task, labels: Mapping[str, NDArray[np.float32]]) -> NDArray[np.bool_]:
    """The rows that count for a task, bool [B]."""
    known = ~np.isnan(labels[task.label])
    if not task.among:
        return known
    among = labels[task.among]
    as_binary(among[~np.isnan(among)])
    return known & (among == 1)


def _check(scores: Mapping[str, NDArray[np.float32]], labels: Mapping[str, NDArray[Any]], binary: list[str]) -> None:
    shapes = [(name, values.shape) for name, values in (*scores.items(), *labels.items())]
    # A [B, 1] would broadcast against a [B] instead of failing.
    if len({shape for _, shape in shapes}) > 1 or any(len(shape) != 1 for _, shape in shapes):
        raise ValueError(f"predictions and labels should all be [B], got {shapes}")
    for name in binary:
        values = scores[name]
        outside = np.isfinite(values) & ((values < 0) | (values > 1))
        if outside.any():
            raise ValueError(f"{np.count_nonzero(outside)} of {len(values)} probabilities of {name} are outside [0, 1]")


def _result(task: Task, scores: NDArray[np.float32], labels: NDArray[Any]) -> Result:
    finite = np.isfinite(scores)
    if not finite.all():
        scores, labels = scores[finite], labels[finite]
    if task.kind == "regression":
        return regression_result(scores, labels)
    area, n = auc(scores, labels), len(scores)
    if not n:
        return TaskResult(area, None, None, None, None, 0)
    predicted = float(scores.sum(dtype=np.float64))
    calibration = predicted / area.positives if area.positives else None
    return TaskResult(area, _log_loss(scores, labels), calibration, predicted / n, area.positives / n, n)


def _log_loss(scores: NDArray[np.float32], labels: NDArray[np.bool_]) -> float:
    total = 0.0
    for start in range(0, len(scores), CHUNK):
        p, label = scores[start : start + CHUNK].astype(np.float64), labels[start : start + CHUNK]
        with np.errstate(divide="ignore"):  # LOG_SMALLEST takes the place of log(0)
            for log_likelihood in np.log(p[label]), np.log1p(-p[~label]):
                total -= float(np.maximum(log_likelihood, LOG_SMALLEST).sum())
    return total / len(scores)
