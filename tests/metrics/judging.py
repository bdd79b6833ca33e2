"""Metrics of arrays: what tests ask of `rec.metrics.judged` without a model and its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from rec.config.metrics import parse
from rec.config.settings import RunnerSettings
from rec.metrics.estimate import Estimate
from rec.metrics.judged import Judged
from rec.metrics.task import Task

CTR, SECONDS = Task("ctr", "click"), Task("seconds", "seconds", kind="regression")


def collect(metrics: list[Any], tasks: list[Task], segments: tuple[str, ...] = (), seed: int = 1) -> Judged:
    """What a config's metrics collect in, of which nothing may be wrong."""
    asked = parse(RunnerSettings(metrics=metrics, segments=list(segments)))
    assert asked.problems == ()
    return Judged(tasks, asked, seed)


def judged(
    metrics: list[Any], scores: Any, labels: Any, task: Task = CTR, by: Mapping[str, Any] | None = None, seed: int = 1
) -> dict[str, Estimate]:
    """The metrics of one task; `by` as `Judged.update` takes columns."""
    collected = collect(metrics, [task], seed=seed)
    collected.update({task.name: np.asarray(scores)}, {task.label: np.asarray(labels, np.float32)}, by or {})
    return collected.estimates()[task.name]


def texts(values: Any) -> pa.Array:
    """A column of values."""
    return pa.array(list(values), pa.large_string())
