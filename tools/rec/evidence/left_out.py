"""The same training without one task: what the others lose or gain by its company."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rec.console import log
from rec.errors import UserError
from rec.evidence.opened import Opened, checkpoint_in, config_in, open_run
from rec.evidence.options import Options
from rec.evidence.pairs import Change, changes, check_same_rows
from rec.evidence.scored import Scored, score

_TRAINER = Path(__file__).resolve().parents[2] / "trainer.py"


@dataclass(frozen=True)
class LeftOut:
    """A behaviour whose loss had no weight, and what changes with it: the run less the training without."""

    behaviour: str
    changes: list[Change]


def leave_out(opened: Opened, scored: Scored, options: Options) -> list[LeftOut]:
    """Train the run's config once for each behaviour, that one's loss without weight, and hold the run against it.

    Trainings stay beside the checkpoints, in without-BEHAVIOUR, and one that is finished is not repeated.

    Raises:
        UserError: there are not two behaviours to be left out, or a training failed.
    """
    behaviours = opened.run.config.hyper_parameters.get("behaviours")
    names = _weighed(behaviours) if isinstance(behaviours, Mapping) else []
    if len(names) < 2:
        raise UserError(
            f"--leave-out: {opened.name} has {'one loss' if names else 'no behaviours section'}: no task can be left "
            "out of its training. That takes hyper_parameters.behaviours with two or more, as models/multitask/mmoe has"
        )
    return [LeftOut(name, _changes(opened, scored, options, name)) for name in names]


def _weighed(behaviours: Mapping[str, Any]) -> list[str]:
    """Those with a loss of their own."""
    return [str(name) for name, said in behaviours.items() if not said or said.get("weight", 1.0)]


def _changes(opened: Opened, scored: Scored, options: Options, name: str) -> list[Change]:
    folder = opened.checkpoint.parent / f"without-{name}"
    _train(opened, folder, name)
    checkpoint = checkpoint_in(folder)
    other = open_run(config_in(checkpoint, [f"runner.test_data_dir={_places(opened)}"]), checkpoint, options)
    found = score(other)
    check_same_rows([opened.name, other.name], [scored, found])
    return [each for each in changes(found, scored, opened.columns.user) if each.metric == "auc"]


def _train(opened: Opened, folder: Path, name: str) -> None:
    config = opened.checkpoint / "config.yaml"
    settings = [f"runner.model_save_path={folder}", f"hyper_parameters.behaviours.{name}.weight=0"]
    log.info("training without %s, to %s", name, folder)
    command = [sys.executable, str(_TRAINER), "-m", str(config), "-o", *settings]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise UserError(f"the training without {name} failed: {said[-1] if said else f'exit code {done.returncode}'}")


def _places(opened: Opened) -> str:
    """Where the run's test data are, as `key=value` says it."""
    config = opened.run.config
    return f"[{', '.join(str(place.resolve()) for place in config.places(config.runner.test_data_dir))}]"
