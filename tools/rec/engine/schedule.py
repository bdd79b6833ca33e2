"""Learning-rate schedules of PaddleRec's models. PaddleRec's tools do not step them, and so neither do these."""

from __future__ import annotations

from typing import Any

import paddle

from rec.console import log


class Schedule:
    """Says once, after a step, that a schedule stands still, unless the model moved it itself.

    Args:
        rate: the learning rate that an optimizer was given, a number or a schedule.
    """

    def __init__(self, rate: Any) -> None:
        self._scheduler = rate if isinstance(rate, paddle.optimizer.lr.LRScheduler) else None
        self._place = self._scheduler.last_epoch if self._scheduler else 0

    def after_step(self) -> None:
        """Call it after each step of training."""
        scheduler, self._scheduler = self._scheduler, None
        if scheduler is not None and scheduler.last_epoch == self._place:
            log.warning(
                "the learning rate stays at %g: the model's schedule, %s, is stepped neither by the model nor, as in "
                "PaddleRec, by these tools", scheduler(), type(scheduler).__name__,
            )  # fmt: skip
