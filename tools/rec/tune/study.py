"""The study on disk: Optuna's, in SQLite, so that a search that is killed goes on where it was."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import optuna
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from rec.checkpoint.better import lower_is_better
from rec.console import log
from rec.errors import UserError
from rec.run.reading import differences
from rec.tune.plan import Plan
from rec.tune.space import draw

DATABASE, TRIALS, BEST, TABLE, FIGURE = "study.db", "trials", "best.yaml", "trials.csv", "trials.png"
IMPORTANCE = "importance.csv"
ERROR, EPOCH, FOLDER = "error", "epoch", "folder"
"""What a trial says of itself: why it failed, the epoch of its objective, the folder of one that it goes on with."""


class Study:
    """Trials that were, are and will be.

    Args:
        plan: of the search.

    Raises:
        UserError: the folder holds another search's study, naming what differs, or a file that is none.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.folder = plan, plan.out
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        ways = optuna.study.StudyDirection
        direction = ways.MINIMIZE if lower_is_better(plan.tune.objective) else ways.MAXIMIZE
        pruner = MedianPruner() if plan.tune.prune else NopPruner()
        path = plan.out / DATABASE
        try:
            self._study = optuna.create_study(
                storage=f"sqlite:///{path.absolute()}", study_name="tune", direction=direction, pruner=pruner,
                load_if_exists=True,
            )  # fmt: skip
        except (SQLAlchemyError, RuntimeError) as error:
            raise UserError(f"{path}: is no study of Optuna's ({error}): --restart begins another") from None
        self._check_alike()

    def trials(self) -> list[FrozenTrial]:
        """Those that have begun and were not interrupted, oldest first."""
        begun = [trial for trial in self._study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]
        return [trial for trial in begun if not _interrupted(trial)]

    def best(self) -> FrozenTrial | None:
        """The best that was trained to its end, the earlier of equals."""
        sign = 1.0 if self._study.direction == optuna.study.StudyDirection.MINIMIZE else -1.0
        done = [trial for trial in self.trials() if trial.state == TrialState.COMPLETE]
        return min(done, key=lambda trial: sign * float(trial.value or 0.0), default=None)

    def folder_of(self, trial: FrozenTrial | Trial) -> Path:
        """Where a trial's training is."""
        return self.folder / TRIALS / str(trial.user_attrs.get(FOLDER, trial.number))

    def goes_on(self) -> bool:
        """Whether the budget has room for another trial."""
        budget, trials = self.plan.tune.budget, self.trials()
        spent = budget.seconds is not None and seconds(trials) >= budget.seconds
        return len(trials) < budget.trials and not spent

    def begin(self) -> Trial:
        """The next trial: one that was interrupted, else other values.

        A trial's draw depends on the seed and the trials before it alone, not on when the search was killed.
        """
        # constant_liar: what runs beside counts as bad, so that no two try the same.
        seed = np.random.SeedSequence([self.plan.tune.seed, len(self.trials())]).generate_state(1)[0]
        self._study.sampler = TPESampler(seed=int(seed), constant_liar=self.plan.tune.processes > 1)
        trial = self._study.ask()
        draw(trial, self.plan.tune.ranges)
        return trial

    def complete(self, trial: Trial, value: float, epoch: int) -> None:
        """Its training is over, with this objective."""
        trial.set_user_attr(EPOCH, epoch)
        self._study.tell(trial, value)

    def prune(self, trial: Trial) -> None:
        """It was ended."""
        self._study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial, error: str) -> None:
        """It has no result, and will have none."""
        trial.set_user_attr(ERROR, error)
        self._study.tell(trial, state=TrialState.FAIL)

    def recover(self) -> int:
        """Let what was running when a search was killed be tried again, from its checkpoint; returns how many."""
        count = 0
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
            if ERROR not in trial.user_attrs and trial.params.keys() == self.plan.tune.ranges.keys():
                self._study.enqueue_trial(trial.params, {FOLDER: self.folder_of(trial).name})
                count += 1
        return count

    def direction(self) -> optuna.study.StudyDirection:
        """Whether the greatest or the least objective is the best."""
        return self._study.direction

    def _check_alike(self) -> None:
        before = self._study.user_attrs.get("facts")
        if before is None:
            self._study.set_user_attr("facts", self.plan.facts)
            return
        changed = differences(before, self.plan.facts)
        if changed:
            raise UserError(
                f"{self.folder}: holds a search of another kind, with which nothing can be compared: "
                f"{'; '.join(changed[:3])}{f'; and {len(changed) - 3} more' if len(changed) > 3 else ''}. Set it as it "
                "was, name another folder with tune.out, or begin anew with --restart, which deletes its trials"
            )


def state_of(trial: FrozenTrial) -> str:
    """In a word."""
    return "failed" if trial.state == TrialState.FAIL else trial.state.name.lower()


def duration(trial: FrozenTrial) -> float:
    """Seconds of a trial, so far if it is running."""
    return ((trial.datetime_complete or datetime.now()) - (trial.datetime_start or datetime.now())).total_seconds()


def seconds(trials: list[FrozenTrial]) -> float:
    """How long any of these trials was running: time of search, without the pauses between its commands."""
    total, until = 0.0, datetime.min
    for trial in sorted(trials, key=lambda trial: trial.datetime_start or datetime.now()):
        begun, ended = trial.datetime_start or datetime.now(), trial.datetime_complete or datetime.now()
        total += max(0.0, (ended - max(begun, until)).total_seconds())
        until = max(until, ended)
    return total


def forget(folder: Path) -> None:
    """Delete what a search has written to a folder, and nothing else."""
    for name in (DATABASE, f"{DATABASE}-journal", BEST, TABLE, FIGURE, IMPORTANCE):
        (folder / name).unlink(missing_ok=True)
    if (folder / TRIALS).is_dir():
        log.info("%s: deleted", folder / TRIALS)
        shutil.rmtree(folder / TRIALS)


def _interrupted(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and ERROR not in trial.user_attrs
