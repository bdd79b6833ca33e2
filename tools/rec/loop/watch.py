"""Warnings while training runs, once per cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rec.console import log
from rec.loop.signs import FEW, DeadExperts, LossSpike, SlowReader, collapse, not_finite_predictions
from rec.metrics.tasks import TaskMetrics
from rec.report.lines import is_scalar

GATE = "gate_"
"""What the name of a step's output begins with that holds a gate's mean weights, [E]."""


class Watch:
    """Looks at each step's loss and gates, and after each print interval at predictions and costs.

    Works for any model directory: gates and predictions are watched where a model gives them.

    Args:
        slow_reader: what to try where steps wait for their data.
    """

    def __init__(self, slow_reader: str) -> None:
        self._spike, self._experts, self._reader = LossSpike(), DeadExperts(), SlowReader(slow_reader)
        self._said: set[str] = set()

    def step(self, shown: Mapping[str, Any], impressions: int, place: str) -> None:
        """A step's outputs by name."""
        loss = shown.get("loss")
        if loss is not None and is_scalar(loss):
            self.warn("loss spike", self._spike.step(np.asarray(loss).item(), impressions, place))
        self._experts.step({k: v for k, v in shown.items() if k.startswith(GATE) and np.ndim(v) == 1})

    def interval(self, metrics: Sequence[Any], costs: Mapping[str, float], place: str) -> None:
        """The end of a print interval; `costs` as `Meter.interval` gives them."""
        self.warn("slow reader", self._reader.interval(costs))
        for cause, warning in self._experts.interval(place).items():
            self.warn(cause, warning)
        self.predictions(metrics, place)

    def predictions(self, metrics: Sequence[Any], place: str) -> None:
        """Judge the predictions of each task since they were judged last, once there are enough of them."""
        for metric in metrics:
            if isinstance(metric, TaskMetrics):
                for task, warning in not_finite_predictions(metric, place).items():
                    self.warn(f"predictions of {task}", warning)
                for task, spread in list(metric.spreads.items()):
                    self.warn(f"collapse of {task}", collapse(task, spread, place))
                    if spread.positives >= FEW and spread.batches >= FEW:
                        del metric.spreads[task]

    def warn(self, cause: str, warning: str | None) -> None:
        """Log a warning if there is one, and none of this cause before."""
        if warning is not None and cause not in self._said:
            self._said.add(cause)
            log.warning("%s", warning)
