"""What a search has found: a table, how much each setting matters, and a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from rich.table import Table

from rec.tune.search import text
from rec.tune.space import drawn
from rec.tune.study import EPOCH, ERROR, Study, duration, state_of

ENOUGH = 8
"""Trials without which importances are chance."""
_TOP = 0.25


def rows(study: Study) -> list[dict[str, Any]]:
    """A row per trial that has begun, by column."""
    tune, found = study.plan.tune, []
    for trial in study.trials():
        value = score(trial)
        values = drawn(trial.params, tune.ranges)
        found.append({
            "trial": trial.number, "state": state_of(trial), tune.objective: "" if value is None else value,
            "epoch": trial.user_attrs.get(EPOCH, ""), "seconds": round(duration(trial), 1),
            **{key: values.get(key, "") for key in tune.ranges},
            "folder": study.folder_of(trial).name, "error": trial.user_attrs.get(ERROR, ""),
        })  # fmt: skip
    return found


def score(trial: FrozenTrial) -> float | None:
    """The best validation of a trial; of one that was pruned, until then."""
    reported = trial.intermediate_values
    return trial.value if trial.value is not None else reported[max(reported)] if reported else None


def importances(study: Study) -> dict[str, float] | None:
    """How much of what sets the best quarter of trials apart from all each setting is, in parts of 1; None: too few.

    PED-ANOVA (Watanabe, Bansal and Hutter, IJCAI 2023), in the values that were tried. A trial that was pruned has the
    best it came to.
    """
    tried = [trial for trial in study.trials() if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    scored = [(trial, value) for trial in tried if (value := score(trial)) is not None]
    if len(scored) < ENOUGH:
        return None
    whole = optuna.create_study(direction=study.direction())
    for trial, value in scored:
        whole.add_trial(optuna.trial.create_trial(params=trial.params, distributions=trial.distributions, value=value))
    found = get_param_importances(whole, evaluator=PedAnovaImportanceEvaluator(target_quantile=_TOP))
    return {key: float(value) for key, value in found.items()}


def to_csv(table: Sequence[Mapping[str, Any]]) -> bytes:
    """A header and a line per row."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(table[0]) if table else [])
    writer.writeheader()
    writer.writerows(table)
    return buffer.getvalue().encode()


def print_trials(table: Sequence[Mapping[str, Any]], best: int) -> None:
    """On stdout; `best` is a trial's number."""
    shown = Table(title="Trials")
    names = [name for name in table[0] if name != "folder" and any(row[name] != "" for row in table)]
    for name in names:
        shown.add_column(name.rpartition(".")[2], overflow="fold", justify="left" if name == "state" else "right")
    for row in table:
        shown.add_row(*(text(row[name]) for name in names), style="bold" if row["trial"] == best else None)
    _print(shown)


def print_importances(found: Mapping[str, float] | None) -> None:
    """On stdout."""
    if found is None:
        return
    shown = Table(title="Importance of each setting")
    shown.add_column("setting")
    shown.add_column("importance", justify="right")
    for key, value in found.items():
        shown.add_row(key, f"{value:.3f}")
    _print(shown)


def _print(table: Table) -> None:
    console = Console()
    (console if console.is_terminal else Console(width=140)).print(table)
