"""How long a training goes on without getting better: `runner.early_stop`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from rec.checkpoint.better import lower_is_better
from rec.config.early_stop import EarlyStop


@dataclass(frozen=True)
class Patience:
    """What the validations of a training have come to.

    Attributes:
        best: the best value of the metric so far; None before there is one.
        waited: validations since then, none of which was better by more than `min_delta`.
        step: the updates made at the newest validation, which counts once.
        metric: which metric all this is of; another one begins anew.
    """

    best: float | None = None
    waited: int = 0
    step: int = -1
    metric: str = ""

    def after(self, rule: EarlyStop | None, metrics: Mapping[str, float | None], step: int) -> Patience:
        """The same after a validation; a metric that is undefined is no better than what was.

        Args:
            rule: which metric counts, and what counts as better; None: nothing is waited for.
            metrics: of the validation, flat.
            step: updates made by then.
        """
        if rule is None or (step, rule.metric) == (self.step, self.metric):
            return self
        before = self if self.metric == rule.metric else Patience(metric=rule.metric)
        value = metrics.get(rule.metric)
        sign = -1.0 if lower_is_better(rule.metric) else 1.0
        if value is not None and (before.best is None or sign * (value - before.best) > rule.min_delta):
            return Patience(value, 0, step, rule.metric)
        return replace(before, waited=before.waited + 1, step=step)

    def over(self, rule: EarlyStop | None) -> bool:
        """Whether training ends."""
        return rule is not None and self.metric == rule.metric and self.waited >= rule.patience

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)
