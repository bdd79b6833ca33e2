"""Whether an epoch had something to train each task on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rec.console import log
from rec.errors import UserError
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics

_ALONE = "no two impressions of one request_id in a batch"
_WITHIN = {
    "_pairs": f"{_ALONE}, one with and one without the behaviour",
    "_list": f"{_ALONE}, one of them with the behaviour",
    "_joint": _ALONE,
}
_WEIGHED = "is its sample_weight 0 in every row?"


def check_rows(metrics: TaskMetrics, trained: Collection[str], data: str) -> None:
    """Warn of each trained task that no row of an epoch told the label of.

    Args:
        metrics: of the epoch.
        trained: the tasks that have a loss.
        data: where the rows are from.

    Raises:
        UserError: there was none for any task.
    """
    rows = metrics.rows()
    tasks = [task for task in metrics.tasks if task.name in trained or not trained]
    without = [task for task in tasks if not rows[task.name]]
    if without and len(without) == len(tasks):
        raise UserError(f"{data}: nothing to train on: {'; '.join(map(_what, without))}")
    for task in without:
        log.warning("%s: %s is not trained: %s", data, task.name, _what(task))


def check_losses(means: Mapping[str, Any], data: str) -> None:
    """Warn of each loss that was 0 in every step of an epoch, which no prediction reaches; `means` by name."""
    for name in (name for name, mean in means.items() if name.startswith("loss_") and mean == 0):
        why = next((why for ending, why in _WITHIN.items() if name.endswith(ending)), _WEIGHED)
        log.warning("%s: %s was 0 in every step and trains nothing: %s", data, name, why)


def _what(task: Task) -> str:
    return f"no usable row tells {task.label}" + (f" where {task.among} is 1" if task.among else "")
