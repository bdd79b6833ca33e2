"""Trials, a few at a time, until the budget is spent."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from optuna.trial import Trial, TrialState

from rec.console import log
from rec.errors import UserError
from rec.output import whole_file
from rec.parallel import threads
from rec.tune.plan import Plan
from rec.tune.space import Values, drawn
from rec.tune.study import ERROR, Study
from rec.tune.training import Training, make_folder, validations

HOPELESS = 3
"""So many trials that fail while none succeeds end a search: something is wrong besides their values."""
_PAUSE = 0.1


@dataclass
class _Running:
    trial: Trial
    values: Values
    training: Training
    epochs: int
    seen: int = 0


class Search:
    """A search at work.

    Args:
        plan: what is searched.
        study: what has been found.
        found: called after each trial.
    """

    def __init__(self, plan: Plan, study: Study, found: Callable[[], object]) -> None:
        self._plan, self._study, self._found = plan, study, found
        self._running: list[_Running] = []

    def work(self) -> None:
        """Do the trials that are left.

        Raises:
            UserError: trials fail, and none succeeds.
        """
        again = self._study.recover()
        if again:
            log.info("%d trials that were interrupted go on", again)
        try:
            while self._begin_more() or self._running:
                time.sleep(_PAUSE)
                for each in list(self._running):
                    if self._advance(each):
                        self._running.remove(each)
                        self._found()
                        self._check_hope()
        finally:
            for each in self._running:
                each.training.stop()

    def _begin_more(self) -> bool:
        while len(self._running) < self._plan.tune.processes and self._study.goes_on():
            self._running.append(self._begin())
        return bool(self._running)

    def _begin(self) -> _Running:
        trial = self._study.begin()
        values, folder = drawn(trial.params, self._plan.tune.ranges), self._study.folder_of(trial)
        make_folder(folder)
        whole_file(folder / "config.yaml", self._plan.trial_yaml(values, folder).encode())
        count, budget = len(self._study.trials()), self._plan.tune.budget
        log.info("trial %d (%d of %d): %s", trial.number, count, budget.trials, shown(values))
        cores = max(1, threads() // self._plan.tune.processes)
        epochs = self._plan.config(values).runner.epochs
        return _Running(trial, values, Training(folder, self._plan.mode, cores), epochs)

    def _advance(self, running: _Running) -> bool:
        """Look at a trial; returns whether it is over."""
        trial, training = running.trial, running.training
        code = training.poll()  # first: what it has written by then is all
        found = list(validations(training.folder, self._plan.tune.objective))
        for epoch, at_end, value in found[running.seen :]:
            if not at_end or value is None:
                continue
            trial.report(value, epoch)
            if epoch + 1 < running.epochs and trial.should_prune():
                training.stop()
                self._study.prune(trial)
                log.info("trial %d: pruned after epoch %d, %s", trial.number, epoch, self._scored(value))
                return True
        running.seen = len(found)
        if code is None:
            return False
        if code or not found or found[-1][2] is None:
            self._fail(running, training.error() if code else f"{self._plan.tune.objective} is undefined")
            return True
        best = found[-1][2]
        self._study.complete(trial, best, next(epoch for epoch, _, value in found if value == best))
        log.info("trial %d: %s", trial.number, self._scored(best))
        return True

    def _fail(self, running: _Running, error: str) -> None:
        self._study.fail(running.trial, error)
        log.warning("trial %d failed: %s (%s)", running.trial.number, error, running.training.log)

    def _check_hope(self) -> None:
        failed = [trial for trial in self._study.trials() if trial.state == TrialState.FAIL]
        if len(failed) >= HOPELESS and self._study.best() is None:
            raise UserError(f"{len(failed)} trials failed and none succeeded; the last: {failed[-1].user_attrs[ERROR]}")

    def _scored(self, value: float) -> str:
        return f"{self._plan.tune.objective} {value:.4f}"


def shown(values: Values) -> str:
    """Values in a line, by the last part of their settings' names."""
    return ", ".join(f"{key.rpartition('.')[2]} {text(value)}" for key, value in values.items())


def text(value: object) -> str:
    """A value, a number to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def clear(study: Study) -> None:
    """Delete the checkpoints of trials that are over, but the best's."""
    best = study.best()
    for trial in study.trials():
        if trial.state != TrialState.RUNNING and (best is None or trial.number != best.number):
            for checkpoint in (path for path in study.folder_of(trial).glob("*") if path.is_dir()):
                shutil.rmtree(checkpoint, ignore_errors=True)
