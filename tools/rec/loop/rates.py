"""The learning rates of a training whose config schedules them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rec.config.config import Config
from rec.config.early_stop import EarlyStop
from rec.config.schedule import Schedule, schedule_of
from rec.console import log
from rec.errors import UserError
from rec.loop.patience import Patience
from rec.run.assembly import Run

SECTIONS = ("optimizer", "table_optimizer")


def schedules(config: Config) -> dict[str, Schedule]:
    """Those of a config, by the section of the optimizer; the table's is the network's where it has no section."""
    values = config.hyper_parameters
    given = {name: values.get(name) or values.get("optimizer") for name in SECTIONS}
    found = {name: schedule_of(each.get("learning_rate")) for name, each in given.items() if isinstance(each, Mapping)}
    return {name: each for name, each in found.items() if each is not None}


@dataclass(frozen=True)
class Plateau:
    """How often a rate was lowered, and what validations have come to since.

    Attributes:
        patience: see there.
        lowered: how often.
    """

    patience: Patience = field(default_factory=Patience)
    lowered: int = 0

    def after(self, schedule: Schedule, metrics: Mapping[str, float | None], step: int) -> Plateau:
        """The same after a validation at `step`."""
        rule = EarlyStop(metric=str(schedule.metric), patience=schedule.patience, min_delta=schedule.min_delta)
        patience = self.patience.after(rule, metrics, step)
        if not patience.over(rule):
            return replace(self, patience=patience)
        return Plateau(replace(patience, waited=0), self.lowered + 1)


class Rates:
    """The rates by the number of updates.

    Args:
        run: the training, of a model of ours or not: PaddleRec's directories read their rates themselves.

    Raises:
        UserError: a schedule needs what is not there: validation data, or the number of updates.
    """

    def __init__(self, run: Run) -> None:
        runner = run.config.runner
        self._schedules = schedules(run.config) if run.native else {}
        for name, schedule in self._schedules.items():
            if schedule.schedule == "plateau" and not schedule.metric:
                self._schedules[name] = schedule.model_copy(update={"metric": runner.best_by})
        self.plateaus = {n: Plateau() for n, each in self._schedules.items() if each.schedule == "plateau"}
        for name in self.plateaus:
            where = f"hyper_parameters.{name}.learning_rate"
            if not runner.valid_data_dir:
                raise UserError(f"{where}: a plateau is seen on validation data: set runner.valid_data_dir")
            if not self._schedules[name].metric:
                raise UserError(f"{where}.metric is missing: which validation metric should get better?")
        ends = any(each.decays and not each.steps for each in self._schedules.values())
        total = _updates(run) if ends or any(each.warmup_steps for each in self._schedules.values()) else None
        if ends and total is None:
            raise UserError("a learning rate's steps are missing: the reader does not tell how many there are")
        self.total = total if ends else None
        for name, each in self._schedules.items():
            if total is not None and each.warmup_steps > total:
                log.warning(
                    "hyper_parameters.%s.learning_rate.warmup_steps is %d, and the whole training makes %d updates: "
                    "the rate does not come to its start, %g", name, each.warmup_steps, total, each.start,
                )  # fmt: skip

    @property
    def metrics(self) -> dict[str, str]:
        """The metrics of plateaus, by their settings."""
        names = {name: self._schedules[name].metric for name in self.plateaus}
        return {f"hyper_parameters.{name}.learning_rate.metric": str(metric) for name, metric in names.items()}

    def at(self, step: int) -> dict[str, float]:
        """By section the rate of the update after `step` others; nothing of one that is not scheduled."""
        lowered = {name: plateau.lowered for name, plateau in self.plateaus.items()}
        return {n: each.rate(step, self.total, lowered.get(n, 0)) for n, each in self._schedules.items()}

    def facts(self) -> dict[str, Any]:
        """What a resumed run must have alike besides: where a rate comes to its end."""
        return {} if self.total is None else {"updates of all of runner.epochs": self.total}

    def validated(self, metrics: Mapping[str, float | None], step: int) -> None:
        """A validation came to these metrics."""
        for name, plateau in self.plateaus.items():
            found = plateau.after(self._schedules[name], metrics, step)
            if found.lowered > plateau.lowered:
                rate = self._schedules[name].factor
                log.info("%s: no better for a while: its learning rate is %g times what it was", name, rate)
            self.plateaus[name] = found

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {name: asdict(plateau) for name, plateau in self.plateaus.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        for name, own in state.items():
            if name in self.plateaus:
                self.plateaus[name] = Plateau(Patience(**own["patience"]), own["lowered"])


def _updates(run: Run) -> int | None:
    """How many a whole training makes: epochs differ where each draws the negatives that it keeps. None: not known."""
    total = 0
    for epoch in range(run.config.runner.epochs):
        plan = run.plan(epoch, 0, training=True)
        length = run.length(run.reader, plan)
        if length is None:
            return None
        total += length // plan.batch_size if plan.drop_last else math.ceil(length / plan.batch_size)
    return max(1, total)
