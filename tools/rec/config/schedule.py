"""Learning rates that change while training goes on: `learning_rate: {schedule: cosine, start: 0.001, ...}`.

With s updates made before a step, w = `warmup_steps`, n = `steps` and t = min(1, max(0, s - w) / n):

    constant     start
    linear       start + (end - start) t
    cosine       end + (start - end) (1 + cos(pi t)) / 2          (Loshchilov and Hutter, ICLR 2017, without restarts)
    exponential  start (end / start)^t
    step         start factor^floor(max(0, s - w) / every)
    plateau      start factor^k, where `patience` validations in a row were not better k times

and in the first w steps (s + 1) / w of that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Schedule(BaseModel):
    """A learning rate by the number of updates."""

    model_config = ConfigDict(strict=True, extra="forbid")

    schedule: Literal["constant", "linear", "cosine", "exponential", "step", "plateau"] = Field(
        "constant", description="how the rate changes after the warm-up"
    )
    start: int | float = Field(gt=0, description="the rate that it begins with, after the warm-up")
    end: int | float = Field(0, ge=0, description="the rate that it comes to (linear, cosine, exponential)")
    steps: int | None = Field(
        None, gt=0, description="updates until then (linear, cosine, exponential); null: all of runner.epochs"
    )
    warmup_steps: int = Field(0, ge=0, description="updates in which the rate rises to start")
    every: int | None = Field(None, gt=0, description="updates between two steps (step)")
    factor: int | float = Field(0.1, gt=0, lt=1, description="what the rate is multiplied by (step, plateau)")
    patience: int = Field(1, gt=0, description="validations that are not better before the rate is lowered (plateau)")
    min_delta: int | float = Field(0, ge=0, description="better by no more than this is not better (plateau)")
    metric: str | None = Field(
        None, description="the validation metric (plateau); null: runner.best_metric's or runner.early_stop's"
    )

    @property
    def decays(self) -> bool:
        """Whether it comes to an end after a number of steps."""
        return self.schedule in _DECAYS

    def rate(self, step: int, total: int | None, lowered: int) -> float:
        """The rate of the update after `step` others.

        Args:
            total: updates of the whole training, where `steps` is null.
            lowered: how often a plateau was reached.
        """
        since = max(0, step - self.warmup_steps)
        rate = self._after_warmup(
            since, max(1, (self.steps or total or 1) - self.warmup_steps * (not self.steps)), lowered
        )
        return rate * min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else rate

    def _after_warmup(self, since: int, steps: int, lowered: int) -> float:
        start, end, share = self.start, self.end, min(1.0, since / steps)
        if self.schedule == "linear":
            return start + (end - start) * share
        if self.schedule == "cosine":
            return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
        if self.schedule == "exponential":
            return float(start * (end / start) ** share)
        if self.schedule == "step":
            return float(start * self.factor ** (since // (self.every or 1)))
        return float(start * self.factor**lowered) if self.schedule == "plateau" else float(start)


_DECAYS = ("linear", "cosine", "exponential")
_OWN: Mapping[str, tuple[str, ...]] = {
    "end": _DECAYS, "steps": _DECAYS, "every": ("step",), "factor": ("step", "plateau"), "patience": ("plateau",),
    "min_delta": ("plateau",), "metric": ("plateau",),
}  # fmt: skip
"""By setting the schedules that have it."""


def schedule_of(value: Any) -> Schedule | None:
    """The schedule of a `learning_rate`; None of a number.

    Raises:
        ValueError: it is none, in words that begin with the setting.
    """
    if not isinstance(value, Mapping):
        return None
    try:
        found = Schedule(**{str(key): each for key, each in value.items()})
    except ValidationError as error:
        first = error.errors()[0]
        place = str(first["loc"][0])
        raise ValueError(f"{place}: {first['msg'].replace('Input should', 'should')}, got {first['input']!r}") from None
    for name, kinds in _OWN.items():
        if name in found.model_fields_set and found.schedule not in kinds:
            raise ValueError(f"{name}: is of {' and '.join(kinds)}, but the schedule is {found.schedule}")
    if found.schedule == "step" and not found.every:
        raise ValueError("every: is missing: the number of updates between two steps")
    if found.schedule == "exponential" and not found.end:
        raise ValueError("end: should be above 0: an exponential comes to no 0")
    return found


def first_rate(value: Any) -> Any:
    """The number that an optimizer is made with."""
    schedule = schedule_of(value)
    return value if schedule is None else float(schedule.start)
