"""A model directory's metrics as flat names and values: ours, which count tasks, and PaddleRec's single numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rec.config.metrics import Asked
from rec.loading import error_context
from rec.metrics.estimate import Estimates
from rec.metrics.task import Result, Task
from rec.metrics.tasks import TaskMetrics
from rec.report.lines import is_scalar, number


def for_line(metrics: Sequence[Any], names: Sequence[str], folder: Path, recent: bool = False) -> dict[str, Any]:
    """What a log line shows: the headline of each task (`auc_<task>`), or a PaddleRec metric under its name.

    Args:
        metrics, names: an engine's.
        folder: the model directory.
        recent: over the impressions since the last such call rather than over the epoch; PaddleRec's cannot tell.

    Raises:
        UserError: a PaddleRec metric fails.
    """
    values: dict[str, Any] = {}
    for name, metric in zip(names, metrics, strict=False):
        if isinstance(metric, TaskMetrics):
            results = metric.recent() if recent else metric.accumulate()
            values |= headlines(results)
        else:
            with error_context(folder, f"accumulating {name}"):
                values[name] = np.asarray(metric.accumulate())
    return values


def headlines(results: Mapping[str, Result]) -> dict[str, Any]:
    """`auc_<task>` of each task, `rank_correlation_<task>` of a number: a value, or in words why there is none."""
    return {f"{kind}_{task}": value for task, result in results.items() for kind, value in result.headline().items()}


_RANKABLE = {"binary": ("auc", "logloss"), "regression": ("mse", "mae", "rank_correlation")}


def rankable(tasks: Sequence[Task], asked: Asked | None = None) -> list[str]:
    """The metrics by which epochs can be ranked. Calibration is none: it is best at 1, not at an end.

    Args:
        asked: those that a config asks for besides.
    """
    names = [f"{kind}_{task.name}" for task in tasks for kind in _RANKABLE[task.kind]]
    more = [f"{m.name}_{task.name}" for task in tasks for m in (asked.judging(task.kind) if asked else ()) if m.ranks]
    return list(dict.fromkeys([*names, *more]))


def flat(results: Mapping[str, Result]) -> dict[str, float | None]:
    """`auc_ctr`, `logloss_ctr`, `calibration_ctr`, ... as numbers, None where undefined."""
    return {f"{kind}_{task}": value for task, result in results.items() for kind, value in result.figures().items()}


def flat_estimates(estimates: Estimates) -> dict[str, float | None]:
    """The same of what `runner.metrics` asks for: `gauc_ctr`, `ndcg@10_ctr`, ..."""
    return {f"{name}_{task}": each.value for task, found in estimates.items() for name, each in found.items()}


def numbers(values: Mapping[str, Any]) -> dict[str, float | None]:
    """The single numbers among what a log line shows."""
    return {name: number(value) for name, value in values.items() if not isinstance(value, str) and is_scalar(value)}
