"""Metrics of a model's tasks, collected during an epoch and computed exactly on the host in either graph mode."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rec.errors import UserError
from rec.metrics.auc import CHUNK, as_binary, auc_between
from rec.metrics.kept import Kept
from rec.metrics.regression import regression_result
from rec.metrics.spread import Spread
from rec.metrics.task import Result, Task, TaskResult

# Log of float32's smallest normal number, the least a prediction is taken to have given to what then happened: one that
# was sure and wrong costs 87.3 instead of infinity.
LOG_SMALLEST = math.log(np.finfo(np.float32).smallest_normal)


class TaskMetrics:
    """Collects predictions and labels step by step, and computes the metrics of every task when asked.

    Keeps four bytes per row and task for the prediction and one for the label (four for a number), those of many rows
    outside memory. Tasks with the same label and the same `among` share one copy of it. A row counts for a task if its
    label is known and `among` is 1; others are not kept. Of these, a prediction that is not finite is left out of its
    own task's result.

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
        self._kept: dict[str, Kept] = {}
        self._seen: dict[str, int] = {}
        self.spreads.clear()
        self.not_finite = dict.fromkeys((task.name for task in self.tasks), 0)
        self.newest = dict(self.not_finite)
        for task in self.tasks:
            self._kept[_score_key(task)] = Kept(np.float32)
            self._kept[_label_key(task)] = Kept(np.bool_ if task.kind == "binary" else np.float32)

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
            self._kept[key].append(values)
        self.newest = {task.name: len(new[_label_key(task)]) for task in self.tasks}

    def rows(self) -> dict[str, int]:
        """How many rows have counted for each task since the last reset: labelled, and with `among` 1."""
        return {task.name: len(self._kept[_label_key(task)]) for task in self.tasks}

    def accumulate(self) -> dict[str, Result]:
        """The result of each task by name, over all rows since the last reset; sorts them, so call it per report."""
        results = {}
        for task in self.tasks:
            scores, labels = self._kept[_score_key(task)], self._kept[_label_key(task)]
            pieces = zip(scores.pieces(CHUNK), labels.pieces(CHUNK), strict=True)
            results[task.name] = _result(task, pieces, len(scores))
        return results

    def recent(self) -> dict[str, Result]:
        """The result of each task over the rows that came since the last call: what a log line shows."""
        rows = {key: kept.since(self._seen.get(key, 0)) for key, kept in self._kept.items()}
        self._seen = {key: len(kept) for key, kept in self._kept.items()}
        results = {}
        for task in self.tasks:
            scores, labels = rows[_score_key(task)], rows[_label_key(task)]
            results[task.name] = _result(task, [(scores, labels)], len(scores))
        return results

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was kept, as named [n] arrays (float32 and bool), for `load_state` to take up."""
        return {key: kept.since(0) for key, kept in self._kept.items()}

    @property
    def seen(self) -> dict[str, int]:
        """By column how many rows `recent` has told of."""
        return dict(self._seen)

    def load_state(self, state: Mapping[str, NDArray[Any]], seen: Mapping[str, int] | None = None) -> None:
        """Replace what was kept by a `state()`, so that a resumed epoch ends with the metrics of an unbroken one.

        `seen` is as it was then; None: `recent` has told of all.

        Raises:
            UserError: the state was made for other tasks.
        """
        if state.keys() != self._kept.keys():
            raise UserError(
                f"saved metrics are of other tasks: found {sorted(state)}, expected {sorted(self._kept)}; "
                "resume with the tasks of the saved run, or start a new run"
            )
        self._seen = {}
        for key, values in state.items():
            self._kept[key] = Kept(values.dtype)
            self._kept[key].append(values)
            self._seen[key] = len(values) if seen is None else seen.get(key, 0)


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


def _result(task: Task, pieces: Iterable[tuple[NDArray[np.float32], NDArray[Any]]], room: int) -> Result:
    """What scores and labels come to, `room` of them at most; of a probability they are never in memory together."""
    finite = (
        (scores[kept], labels[kept]) for scores, labels in pieces if len(kept := np.flatnonzero(np.isfinite(scores)))
    )
    if task.kind == "regression":
        together = list(finite) or [(np.empty(0, np.float32), np.empty(0, np.float32))]
        scores, labels = (np.concatenate(side) for side in zip(*together, strict=True))
        return regression_result(scores, labels)
    rows = np.empty(room, np.float32)  # positives from its beginning on, negatives from its end
    positives, negatives, predicted, logloss = 0, 0, 0.0, 0.0
    for scores, labels in finite:
        above, below = scores[labels], scores[~labels]
        rows[positives : positives + len(above)] = above
        rows[room - negatives - len(below) : room - negatives] = below
        positives, negatives = positives + len(above), negatives + len(below)
        predicted += float(scores.sum(dtype=np.float64))
        logloss += _log_loss(above, below)
    area, n = auc_between(rows[:positives], rows[room - negatives :]), positives + negatives
    if not n:
        return TaskResult(area, None, None, None, None, 0)
    calibration = predicted / positives if positives else None
    return TaskResult(area, logloss / n, calibration, predicted / n, positives / n, n)


def _log_loss(positives: NDArray[np.float32], negatives: NDArray[np.float32]) -> float:
    """The sum in nats."""
    with np.errstate(divide="ignore"):  # LOG_SMALLEST takes the place of log(0)
        logs = np.log(positives.astype(np.float64)), np.log1p(-negatives.astype(np.float64))
    return -sum(float(np.maximum(each, LOG_SMALLEST).sum()) for each in logs)
