"""A pass over the test rows: predictions, labels, and the columns that tell rows apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rec.config.metrics import Asked, Column, Segment
from rec.console import Bar
from rec.data.batch import Batch
from rec.data.by import by_of
from rec.errors import UserError
from rec.evidence.columns import few_values
from rec.evidence.opened import Opened
from rec.loading import error_context
from rec.metrics.estimate import Estimate
from rec.metrics.groups import numbered
from rec.metrics.judging import judge
from rec.metrics.rows import Rows
from rec.metrics.segments import Names, cut
from rec.metrics.task import Task
from rec.metrics.truth import TruthMetrics, TruthResult
from rec.numeric import Array


@dataclass(frozen=True)
class Scored:
    """N test rows; those whose labels contradict each other are not among them.

    Attributes:
        tasks: what is judged.
        predicted: by task float32 [N].
        raw, calibrated: the same before and after the checkpoint's calibration, whichever of them is `predicted`;
            None: it has none.
        labels: float32 [N] by name, NaN where not known.
        columns: [N] by `Column.key`; values are numbers of `names`, groups numbers of `units`, -1 where there is none.
        names: of columns of values.
        units: hashes of groups, uint64 [G], by `Column.key`.
        asked: metrics and segments.
        truth: of simulated data, by task.
        digest: of the rows' names: equal in two passes over the same rows.
        seed: of bootstraps.
    """

    tasks: tuple[Task, ...]
    predicted: Mapping[str, Array]
    raw: Mapping[str, Array]
    calibrated: Mapping[str, Array] | None
    labels: Mapping[str, Array]
    columns: Mapping[str, Array]
    names: Mapping[str, Names]
    units: Mapping[str, Array]
    asked: Asked
    truth: Mapping[str, TruthResult]
    digest: str
    seed: int

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    def index(self, task: Task) -> Array:
        """int64 [n]: the rows that count for a task: its label is known, `among` is 1, the prediction is finite."""
        counts = ~np.isnan(self.labels[task.label]) & np.isfinite(self.predicted[task.name])
        if task.among:
            counts &= self.labels[task.among] == 1
        return np.flatnonzero(counts)

    def rows(self, task: Task, index: Array | None = None, predicted: Mapping[str, Array] | None = None) -> Rows:
        """These rows, or those of an index, as metrics take them; with other predictions than `predicted`, if given."""
        index = self.index(task) if index is None else index
        scores = (self.predicted if predicted is None else predicted)[task.name][index]
        label = self.labels[task.label][index]
        labels = label == 1 if task.kind == "binary" else label
        return Rows(scores, labels, lambda key: self.columns[key][index], lambda key: self.units[key])

    def of_kind(self, kind: str) -> list[Task]:
        """The tasks that predict probabilities, or numbers."""
        return [task for task in self.tasks if task.kind == kind]

    @cached_property
    def estimates(self) -> dict[str, dict[str, Estimate]]:
        """Every metric by task."""
        return {task.name: judge(self.rows(task), self.asked.judging(task.kind), self.seed) for task in self.tasks}

    def parts(self, segment: Segment) -> tuple[list[str], Array]:
        """A segment's values and the place of each row's among them, int [N]."""
        key = segment.column.key
        return cut(segment, self.columns[key], self.names.get(key))

    def has(self, column: Column) -> bool:
        """Whether the rows tell a column."""
        return column.key in self.columns


def score(opened: Opened) -> Scored:
    """Score every test row.

    Raises:
        UserError: unreadable data, or no row tells a label.
    """
    run = opened.run
    counted = run.counted
    tasks = counted.tasks if counted is not None else ()
    pieces = _Pieces(opened, tasks)
    with Bar(f"scoring the test rows with {opened.name}", run.length(run.reader)) as bar:
        for index, batch in enumerate(_batches(opened)):
            with error_context(run.config.model_dir, f"test batch {index}"):
                pieces.add(batch)
            bar.advance(len(batch))
    found = pieces.scored()
    if not any(len(found.index(task)) for task in tasks):
        raise UserError(f"{run.config.runner.test_data_dir}: no row tells a label, so there is nothing to report")
    return found


def _batches(opened: Opened) -> Iterator[Batch]:
    run = opened.run
    yield from run.batches(run.reader, run.plan(0, 0, training=False))


class _Pieces:
    def __init__(self, opened: Opened, tasks: tuple[Task, ...]) -> None:
        self._opened, self._tasks = opened, tasks
        self._asked = opened.columns.asked(opened.run.config)
        own = opened.columns.applied(opened.run.config)
        self._by: Sequence[Column] = ()
        self._truth, self._digest = TruthMetrics(tasks), hashlib.sha256()
        self._names: dict[str, Names] = {}
        self._kept: dict[str, list[Array]] = {}
        self._config = own

    def add(self, batch: Batch) -> None:
        """Score a batch and keep what is known of it."""
        if not self._kept:
            self._settle(batch)
        opened = self._opened
        raw, calibrated = predict(opened, batch)
        self._truth.update(calibrated if opened.applied and calibrated else raw, batch.truth)
        self._digest.update(batch.sample_ids.astype(np.bytes_).tobytes())
        for task in self._tasks:
            self._keep(f"raw {task.name}", batch, raw[f"p{task.name}"].reshape(-1))
            if calibrated is not None:
                self._keep(f"calibrated {task.name}", batch, calibrated[f"p{task.name}"].reshape(-1))
        for name in _labels_of(self._tasks):
            self._keep(f"label {name}", batch, batch.labels[name])
        for key, values in by_of(batch, self._by, opened.run.reader.vocabulary).items():
            if key.startswith("value "):
                values = self._names.setdefault(key, Names(key, bounded=False))(values)
            self._keep(key, batch, np.asarray(values))

    def _settle(self, batch: Batch) -> None:
        """The columns to keep; where nothing tells of segments, the first batch does."""
        columns = self._opened.columns
        more = [Column(name, "value") for name in (columns.item, columns.is_new) if name]
        if not self._asked.segments and not self._config.describes_table:
            found = few_values(batch, (columns.item, columns.user))
            self._asked = Asked(self._asked.metrics, tuple(found))
        self._by = list(dict.fromkeys([*self._asked.columns, *more]))

    def _keep(self, key: str, batch: Batch, values: Array) -> None:
        self._kept.setdefault(key, []).append(np.array(batch.counted(values)))

    def scored(self) -> Scored:
        """All of them."""
        whole = {key: np.concatenate(values) for key, values in self._kept.items()}
        names = [task.name for task in self._tasks]
        raw = {name: whole[f"raw {name}"] for name in names}
        has = self._opened.calibration is not None
        calibrated = {name: whole[f"calibrated {name}"] for name in names} if has else None
        labels = {name: whole[f"label {name}"] for name in _labels_of(self._tasks)}
        columns = {column.key: whole[column.key] for column in self._by}
        units = {}
        for column in self._by:
            if column.kind == "group":
                columns[column.key], units[column.key] = numbered(columns[column.key])
        return Scored(
            self._tasks, calibrated if self._opened.applied and calibrated else raw, raw, calibrated, labels, columns,
            self._names, units, self._asked, self._truth.accumulate(), self._digest.hexdigest(),
            self._opened.run.config.runner.seed,
        )  # fmt: skip


def predict(opened: Opened, batch: Batch) -> tuple[dict[str, Array], dict[str, Array] | None]:
    """A batch's outputs by name, [B, 1] each, before calibration; and after it, if the checkpoint has one."""
    engine, model = opened.run.engine, opened.run.directory.model
    own, model.calibration = model.calibration, None
    raw = engine.eval_step(batch)
    model.calibration = own
    for metric in engine.metrics:
        metric.reset()
    return raw, None if opened.calibration is None else opened.calibration(raw, batch)


def _labels_of(tasks: Sequence[Task]) -> list[str]:
    return list(dict.fromkeys(name for task in tasks for name in (task.label, task.among) if name))
