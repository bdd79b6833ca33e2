"""Two runs on the same rows: where the second wins and loses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rec.compare.intervals import difference
from rec.config.metrics import Column, Segment
from rec.errors import UserError
from rec.evidence.scored import Scored
from rec.hashing import mix
from rec.metrics.auc import auc
from rec.metrics.bootstrap import ratio_interval
from rec.metrics.groups import Groups
from rec.metrics.rows import Rows
from rec.metrics.task import Task
from rec.numeric import Array

_TINY = np.finfo(np.float32).tiny
LEAST = 10
"""Rows of either class that a segment needs: DeLong's interval is worth little with fewer."""


@dataclass(frozen=True)
class Change:
    """A metric of two runs, and their difference, the second less the first, with its 95 % interval."""

    task: str
    metric: str
    first: float | None
    second: float | None
    value: float
    low: float | None
    high: float | None

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True)
class Part:
    """A segment's value: how many rows, and what changes there."""

    name: str
    rows: int
    change: Change


def check_same_rows(names: Sequence[str], found: Sequence[Scored]) -> None:
    """Refuse runs that were scored on different rows: differences would be those of the rows.

    Raises:
        UserError: which those are.
    """
    first = found[0]
    for name, each in zip(names[1:], found[1:], strict=True):
        tasks = shared_tasks(first, each)
        labels = {label for task in tasks for label in (task.label, task.among) if label}
        if (
            (each.digest, len(each)) != (first.digest, len(first))
            or not all(np.array_equal(first.labels[label], each.labels[label], equal_nan=True) for label in labels)
        ):  # fmt: skip
            raise UserError(
                f"{names[0]} and {name} are scored on other rows ({len(first):,} and {len(each):,}), or other labels "
                "of them: give both the same test data, e.g. -o runner.test_data_dir=FOLDER"
            )
        if not tasks:
            ours, theirs = (", ".join(task.name for task in one.tasks) for one in (first, each))
            raise UserError(f"{names[0]} predicts {ours}, {name} {theirs}: there is nothing to compare")


def shared_tasks(first: Scored, second: Scored) -> list[Task]:
    """The probabilities that both predict, of the same labels."""
    others = {(task.name, task.label, task.among) for task in second.of_kind("binary")}
    return [task for task in first.of_kind("binary") if (task.name, task.label, task.among) in others]


def changes(first: Scored, second: Scored, user: str | None) -> list[Change]:
    """Of AUC (paired DeLong), of AUC within users and of logloss (bootstrap over users, or over rows)."""
    found: list[Change] = []
    for task in shared_tasks(first, second):
        index = _common(first, second, task)
        one, other = (scored.rows(task, index) for scored in (first, second))
        unit = _units(first, user, index)
        found += [
            each
            for each in (_of_auc(task.name, one, other), _of_logloss(task.name, one, other, unit, first.seed))
            if each
        ]
        if user is not None and first.has(Column(user, "group")):
            found += [
                each for each in (_of_gauc(task.name, one, other, Column(user, "group").key, first.seed),) if each
            ]
    return found


def by_segment(first: Scored, second: Scored, task: Task) -> dict[str, list[Part]]:
    """The change of AUC in each value of each segment that has `LEAST` rows of either class."""
    return {segment.name: list(_parts(first, second, task, segment)) for segment in first.asked.segments}


def _parts(first: Scored, second: Scored, task: Task, segment: Segment) -> Iterator[Part]:
    names, place = first.parts(segment)
    index = _common(first, second, task)
    for at, name in enumerate(names):
        own = index[place[index] == at]
        one, other = (scored.rows(task, own) for scored in (first, second))
        positives = int(np.count_nonzero(one.labels))
        if min(positives, len(own) - positives) >= LEAST and (change := _of_auc(task.name, one, other)):
            yield Part(name, len(own), change)


def _common(first: Scored, second: Scored, task: Task) -> Array:
    return np.intersect1d(first.index(task), second.index(task), assume_unique=True)


def _of_auc(task: str, one: Rows, other: Rows) -> Change | None:
    found = difference([other.scores], [one.scores], one.labels)
    if found is None:
        return None
    before, after = (auc(rows.scores, rows.labels).value for rows in (one, other))
    return Change(task, "auc", before, after, found.value, found.low, found.high)


def _units(scored: Scored, user: str | None, index: Array) -> Array:
    """uint64 [n]: what is drawn: users, or rows where there are none."""
    if user is not None and scored.has(column := Column(user, "group")):
        number = scored.columns[column.key][index]
        found = mix(index)  # a row without a user is one of its own
        there = np.flatnonzero(number >= 0)
        found[there] = scored.units[column.key][number[there]]
        return found
    return mix(index)


def _of_logloss(task: str, one: Rows, other: Rows, units: Array, seed: int) -> Change | None:
    if not len(one):
        return None
    before, after = _costs(one), _costs(other)
    which, place = np.unique(units, return_inverse=True)
    sums, counts = np.bincount(place, after - before), np.bincount(place).astype(np.float64)
    low, high = ratio_interval(sums, counts, which, seed) or (None, None)
    mean_before, mean_after = float(before.mean()), float(after.mean())
    return Change(task, "logloss", mean_before, mean_after, mean_after - mean_before, low, high)


def _costs(rows: Rows) -> Array:
    """-log of the probability given to what happened, float64 [n]."""
    p = rows.scores.astype(np.float64)
    return -np.log(np.maximum(np.where(rows.labels, p, 1 - p), _TINY))


def _of_gauc(task: str, one: Rows, other: Rows, key: str, seed: int) -> Change | None:
    first, second = Groups.of(one, key), Groups.of(other, key)
    (before, weight), (after, _) = first.areas(), second.areas()
    counted = ~np.isnan(before)
    if not counted.any():
        return None
    weight, before, after = weight[counted], before[counted], after[counted]
    low, high = ratio_interval((after - before) * weight, weight, first.units[counted], seed) or (None, None)
    first_mean, second_mean = (float(area @ weight / weight.sum()) for area in (before, after))
    return Change(task, "gauc", first_mean, second_mean, second_mean - first_mean, low, high)
