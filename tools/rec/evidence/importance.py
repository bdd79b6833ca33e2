"""Permutation importance: how much worse a task is ranked when a field's values are dealt out at random.

Source: Breiman 2001, Machine Learning 45:5-32, section 10; Fisher, Rudin and Dominici 2019, JMLR 20:177 (on test rows).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from rec.compare.intervals import difference
from rec.console import Bar
from rec.data.batch import Batch
from rec.evidence.opened import Opened
from rec.evidence.options import Options
from rec.evidence.scored import predict
from rec.evidence.shuffled import Pool
from rec.metrics.auc import Z_95
from rec.metrics.task import Task
from rec.numeric import Array


@dataclass(frozen=True)
class Loss:
    """What a task loses: of its AUC, or, of a number, what its mean squared error gains as a share of itself."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Importance:
    """Of each field, by task; a task whose rows cannot tell is left out.

    Attributes:
        tasks: by name, by field.
        rows: test rows it was measured on.
        permutations: of each field.
    """

    tasks: dict[str, dict[str, Loss]]
    rows: int
    permutations: int


def pool_of(opened: Opened, rows: int) -> Pool:
    """About so many test rows: whole batches, evenly spaced over the data."""
    run = opened.run
    plan = run.plan(0, 0, training=False)
    total = run.length(run.reader) or 0
    step = max(1, -(-total // max(rows, plan.batch_size)))
    return Pool(list(islice(run.batches(run.reader, plan), 0, None, step)), run.reader.numbers)


def importance(opened: Opened, pool: Pool, tasks: Sequence[Task], options: Options) -> Importance:
    """Of every field of the network's input: re-scores the pool `permutations` times for each."""
    random = np.random.default_rng(opened.run.config.runner.seed)
    base = _predictions(opened, pool.batches, tasks)
    found: dict[str, dict[str, Loss]] = {task.name: {} for task in tasks}
    labels = {task.name: _labels(pool.batches, task) for task in tasks}
    orders = [random.permutation(len(pool)) for _ in range(options.permutations)]
    with Bar("permutation importance", len(pool) * len(pool.fields) * len(orders)) as bar:
        for field in pool.fields:
            dealt = []
            for order in orders:
                dealt.append(_predictions(opened, pool.dealt(field, order), tasks))
                bar.advance(len(pool))
            for task in tasks:
                loss = _loss(task, base[task.name], [each[task.name] for each in dealt], labels[task.name])
                if loss is not None:
                    found[task.name][field] = loss
    return Importance({name: each for name, each in found.items() if each}, len(pool), len(orders))


def _predictions(opened: Opened, batches: Iterable[Batch], tasks: Sequence[Task]) -> dict[str, Array]:
    """By task float32 [N], as the run predicts."""
    pieces: dict[str, list[Array]] = {task.name: [] for task in tasks}
    for batch in batches:
        raw, calibrated = predict(opened, batch)
        values = calibrated if opened.applied and calibrated else raw
        for task in tasks:
            pieces[task.name].append(np.array(values[f"p{task.name}"], np.float32).reshape(-1))
    return {name: np.concatenate(values) for name, values in pieces.items()}


def _labels(batches: Sequence[Batch], task: Task) -> Array:
    """float32 [N], NaN where a row does not count."""
    found = []
    for batch in batches:
        counts = np.ones(len(batch), bool) if batch.excluded is None else ~batch.excluded
        if task.among:
            counts &= batch.labels[task.among] == 1
        found.append(np.where(counts, batch.labels[task.label], np.float32("nan")))
    return np.concatenate(found)


def _loss(task: Task, base: Array, dealt: Sequence[Array], labels: Array) -> Loss | None:
    rows = np.flatnonzero(~np.isnan(labels))
    base, dealt, labels = base[rows], [each[rows] for each in dealt], labels[rows]
    if task.kind == "regression":
        return _of_number(base, dealt, labels)
    found = difference([base] * len(dealt), dealt, labels)
    return None if found is None else Loss(found.value, found.low, found.high)


def _of_number(base: Array, dealt: Sequence[Array], labels: Array) -> Loss | None:
    own = (base.astype(np.float64) - labels) ** 2
    if len(own) < 2 or not own.any():
        return None
    more = np.mean([(each.astype(np.float64) - labels) ** 2 - own for each in dealt], axis=0) / own.mean()
    value, half = float(more.mean()), Z_95 * float(np.std(more, ddof=1)) / len(more) ** 0.5
    return Loss(value, value - half, value + half)
