"""The same training without one task: what the others lose or gain by its company."""

from __future__ import annotations

import time
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
from rec.nn import objectives
from rec.nn.entire_space import EntireSpace
from rec.nn.multitask import MultiTask
from rec.nn.weighting import LEARNED
from rec.output import whole_file
from rec.parallel import threads
from rec.report.history import read_history
from rec.scoring.checkpoint import chosen
from rec.tune.training import Training, make_folder

_PAUSE = 0.1


@dataclass(frozen=True)
class LeftOut:
    """A behaviour whose losses had no weight, and what changes with it: the run less the training without."""

    behaviour: str
    changes: list[Change]


def leave_out(opened: Opened, scored: Scored, options: Options) -> list[LeftOut]:
    """Train the run's config once for each behaviour, that one's losses without weight, and hold the run against it.

    Trainings stay beside the checkpoints, in without-BEHAVIOUR. One that is finished is not repeated, one that was
    interrupted goes on.

    Raises:
        UserError: there are not two behaviours to be left out, the run is not the one to be repeated, or a training
            failed.
    """
    engine: Any = opened.run.engine
    net = engine.net
    names = _trained(net) if isinstance(net, MultiTask) else []
    if len(names) < 2:
        raise UserError(
            f"--leave-out: {opened.name} has {'one loss' if names else 'no behaviours section'}: no task can be left "
            "out of its training. That takes hyper_parameters.behaviours with two or more, as models/multitask/mmoe has"
        )
    kind = opened.run.config.hyper_parameters.get("weighting", {"kind": "fixed"})["kind"]
    if kind in LEARNED:
        raise UserError(
            f"--leave-out: {opened.name} was trained with weighting {kind}, which learns the losses' weights: none of "
            "them can be 0"
        )
    best = chosen(opened.checkpoint.parent)
    if best.resolve() != opened.checkpoint.resolve():
        raise UserError(
            f"--leave-out: {opened.checkpoint} is not the checkpoint that its run came to, {best}: a training without "
            "a task is compared where each comes to; name the run's folder"
        )
    return [LeftOut(name, _changes(opened, scored, options, name)) for name in names]


def _trained(net: MultiTask) -> list[str]:
    """The behaviours with a loss of weight, in the order of the config."""
    found = [each.behaviour for each in net.objectives if any(objectives.weights([each]).values())]
    if isinstance(net, EntireSpace) and net.method is not None and "conversion" not in found:
        found.append("conversion")  # by the method's losses alone
    return found


def _without(opened: Opened, name: str) -> Mapping[str, Any]:
    """What a config says to leave a behaviour out. Its behaviours are declared together, each of them again."""
    given = opened.run.config.hyper_parameters
    said = {**(given["behaviours"][name] or {}), "weight": 0, "pairwise": 0, "listwise": 0}
    changed: dict[str, Any] = {"behaviours": {**given["behaviours"], name: said}}
    if name == "conversion" and given.get("unclicked"):
        changed["unclicked"] = None
    return {"hyper_parameters": changed}


def _changes(opened: Opened, scored: Scored, options: Options, name: str) -> list[Change]:
    folder, changed = opened.checkpoint.resolve().parent / f"without-{name}", _without(opened, name)
    _train(opened, folder, name, changed)
    other = open_run(opened.run.config.merged(changed), checkpoint_in(folder), options)
    found = score(other)
    check_same_rows([opened.name, other.name], [scored, found])
    return [each for each in changes(found, scored, opened.columns.user) if each.metric == "auc"]


def _train(opened: Opened, folder: Path, name: str, changed: Mapping[str, Any]) -> None:
    """The run's config again, from where it began; in its graph mode."""
    own = {"runner": {"model_save_path": str(folder), "use_visual": False}}
    config = config_in(opened.checkpoint, []).merged(own).merged(changed)
    make_folder(folder, "--leave-out")
    whole_file(folder / "config.yaml", config.to_yaml().encode())
    static = any(file.startswith("rec_static.") for file in opened.manifest.files)
    training = Training(folder, "static" if static else "dygraph", threads())
    log.info("training without %s, to %s", name, folder)
    seen, code = len(_epochs(folder)), None
    try:
        while code is None:
            time.sleep(_PAUSE)
            code, done = training.poll(), len(_epochs(folder))
            if done > seen:
                log.info("without %s: %d of %d epochs", name, done, config.runner.epochs)
            seen = done
    finally:
        training.stop()
    if code:
        raise UserError(
            f"the training without {name} failed: {training.error()} ({training.log}; delete {folder} to begin it anew)"
        )


def _epochs(folder: Path) -> list[Any]:
    return [line for line in read_history(folder) if line["kind"] == "epoch"]
