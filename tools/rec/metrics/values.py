"""A model directory's metrics as flat names and values: ours, which count tasks, and PaddleRec's single numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rec.metrics.tasks import TaskMetrics, TaskResult


def for_line(metrics: Sequence[Any], names: Sequence[str], recent: bool = False) -> dict[str, Any]:
    """What a log line shows: `auc_<task>` of each task, or a PaddleRec metric under its name.

    `recent`: over the exposures since the last such call rather than over the epoch; PaddleRec's cannot tell.
    """
    values: dict[str, Any] = {}
    for name, metric in zip(names, metrics, strict=False):
        if isinstance(metric, TaskMetrics):
            results = metric.recent() if recent else metric.accumulate()
            values |= {f"auc_{task}": str(r.auc) if r.auc.value is None else r.auc.value for task, r in results.items()}
        else:
            values[name] = np.asarray(metric.accumulate())
    return values


def flat(results: dict[str, TaskResult]) -> dict[str, float | None]:
    """`auc_ctr`, `logloss_ctr`, `calibration_ctr`, ... as numbers, None where undefined."""
    return {
        f"{kind}_{task}": value
        for task, result in results.items()
        for kind, value in (
            ("auc", result.auc.value),
            ("logloss", result.logloss),
            ("calibration", result.calibration),
        )
    }
