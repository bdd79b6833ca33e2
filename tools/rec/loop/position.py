"""Where a training stands: what it begins with, and what a checkpoint must say for another process to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rec.checkpoint.manifest import Manifest, plain
from rec.console import log
from rec.data.fingerprint import fingerprint
from rec.data.table_settings import DataSettings
from rec.distributed.ranks import here
from rec.errors import UserError
from rec.run.assembly import Run
from rec.run.held_out import DATA, check_trained
from rec.run.reading import check_reading, differences
from rec.run.start import Start

_ORDER = ("train_batch_size", "seed", "shuffle", "shuffle_chunk", "drop_last")


@dataclass
class Position:
    """The next batch of a training.

    Attributes:
        step: updates made so far.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0


def begin(run: Run, facts: Mapping[str, Any]) -> Position:
    """Give the engine the weights that training starts from, and say where.

    Args:
        facts: the `settings` of the run.

    Raises:
        UserError: the checkpoint does not fit, or a resumed run is no continuation of what was interrupted.
    """
    start = run.start
    if start.folder is None:
        return Position()
    if start.resumes:
        check_reading(start, run.reader)  # it names a single separator, say
        _check_continues(run, start, facts)
    else:
        check_trained(start, run.config)
    run.restore(start)
    if start.resumes:
        log.info("resumed from %s: epoch %d, batch %d", start.folder, start.epoch, start.batch)
    else:
        what = "weights and optimizer state" if start.what == "everything" else "weights"
        log.info("%s from %s, at epoch %d", what, start.folder, start.epoch)
    if start.epoch >= run.config.runner.epochs:
        say = log.info if start.resumes else log.warning  # a command that resumes may be given once too often
        say("nothing is trained: runner.epochs is %d, and they are done", run.config.runner.epochs)
    goes_on = start.manifest is not None and (start.resumes or start.epoch > 0)
    return Position(start.epoch, start.batch, start.manifest.step if goes_on and start.manifest else 0)


def order(run: Run) -> dict[str, Any]:
    """What the order of the training data depends on: a position within an epoch means nothing under another."""
    runner = run.config.runner.model_dump()
    if runner["train_batch_size"]:
        runner["train_batch_size"] *= here().count  # the same batches divided otherwise are the same
    return {**{f"runner.{name}": runner[name] for name in _ORDER}, "impressions": run.length(run.reader)}


def settings(run: Run) -> dict[str, Any]:
    """What a resumed run must have as it was: the data, what is read of them and how they are split, the network, its
    losses, and the optimizers that the saved state belongs to.

    It reads of every data file: once, when training begins.
    """
    config = run.config
    values: dict[str, Any] = {"hyper_parameters.table_optimizer": None}
    values |= {f"hyper_parameters.{name}": value for name, value in config.hyper_parameters.items()}
    data = {**dict.fromkeys(DataSettings.model_fields), **(config.data or {})}
    values |= {f"data.{name}": value for name, value in data.items()}
    values["runner.label_policy"] = config.runner.label_policy
    if not run.directory.own_loader:
        values[DATA] = fingerprint(config.places(config.runner.train_data_dir))
    return plain(values)


def _check_continues(run: Run, start: Start, facts: Mapping[str, Any]) -> None:
    manifest = start.manifest
    assert manifest is not None
    changed = _changed(manifest.training, facts)
    if changed:
        raise UserError(
            f"{start.folder}: cannot be resumed, for this run is another: {'; '.join(changed)}. Set it as it was, or "
            "start from its weights with runner.warm_start or runner.model_init_path, and without runner.resume"
        )
    changed = _changed(_known(manifest), order(run)) if start.batch else []
    if changed:
        raise UserError(
            f"cannot go on within epoch {manifest.epoch}, whose order of data has changed: {'; '.join(changed)}. "
            "Set it as it was, or start from the weights alone with runner.model_init_path"
        )


def _known(manifest: Manifest) -> dict[str, Any]:
    """The order that a checkpoint noted; before, impressions were called exposures."""
    return {("impressions" if name == "exposures" else name): value for name, value in manifest.order.items()}


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What a checkpoint knows and is otherwise now; checkpoints from before know less."""
    return differences(before, {name: now.get(name) for name in before})
