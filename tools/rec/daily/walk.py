"""The walk over days: each is evaluated with the weights of the day before, and then trained on.

What a day begins with is the checkpoint that the day before ended with, so that a walk is the same as a training for
each day with `runner.warm_start` (progressive validation: Blum, Kalai and Langford, COLT 1999).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rec.checkpoint.lock import only_writer
from rec.checkpoint.store import Store
from rec.config.config import Config
from rec.config.without_effect import warn_of
from rec.console import log
from rec.daily.days import Day, days_of
from rec.daily.novelty import Novelty
from rec.daily.record import Record
from rec.data.fingerprint import fingerprint
from rec.data.prepared_table import is_prepared
from rec.errors import UserError
from rec.loop.train import train
from rec.run import overwrite
from rec.run.assembly import assemble, open_directory
from rec.run.calibrated import calibrate
from rec.run.model import Mode
from rec.run.parts import asked_for
from rec.run.start import checkpoint_folder, evaluated

_ALIKE = ("epochs", "early_stop", "best_metric", "calibration")
"""Runner settings that tell how a day is trained, and that a run may change when it goes on: a walk may not."""
_WITHOUT_EFFECT = ("metrics", "segments", "predict_save_path", "infer_load_path")


def walk(config: Config, mode: Mode) -> None:
    """Evaluate and train day by day; days that are done are passed over.

    Raises:
        UserError: settings that a walk has no use for, days or settings that have changed since it began, or what
            evaluation and training raise.
    """
    _check(config, mode)
    days, folder = days_of(config), Path(config.runner.model_save_path)
    for day in days:
        if is_prepared(day.place):
            raise UserError(
                f"{day.place}: is a prepared table, whose rows are of one part each: name the days' own files, or "
                "train day by day with trainer.py"
            )
    Store(folder).check_writable()
    with only_writer(folder):
        record = Record.read(folder)
        settings = config.runner.model_dump(mode="json")
        record.check([day.name for day in days], {name: settings[name] for name in _ALIKE})
        before: Day | None = None
        for day in days:
            known = record.of(day.name)
            given = _training(config, day, _warm(folder, record, before) or config.runner.warm_start)
            if "checkpoint" in known:
                _warn_if_changed(config, day, known)
                overwrite.refuse(open_directory(given.merged({"runner": {"resume": False}}), mode).config, native=True)
            else:
                _day(config, given, mode, day, before, record)
            before = day
        record.write()  # the table may be older than the record, if a kill came between the two
    log.info("%d days: %s", len(days), folder.resolve())


def _check(config: Config, mode: Mode) -> None:
    """Refuse what a walk has no use for."""
    runner = config.runner
    if not open_directory(config, mode).native:
        raise UserError(
            f"{config.model_dir}: is PaddleRec's, whose metrics are its own: train day by day with trainer.py"
        )
    warn_of(_WITHOUT_EFFECT, config.path, runner.model_dump(), "in a walk over days")
    if said := asked_for(config.data, "test"):
        raise UserError(f"{said}: each day is tested on before it is trained on: leave it out")
    if runner.overwrite or config.last_epoch >= 0 or runner.model_init_path:
        raise UserError(
            "runner.overwrite, runner.model_init_path and last_epoch mean nothing to a walk over days: begin anew in "
            "another runner.model_save_path, from a checkpoint with runner.warm_start"
        )


def _day(config: Config, given: Config, mode: Mode, day: Day, before: Day | None, record: Record) -> None:
    """Do what is not done of a day, and record it."""
    begun, known = time.perf_counter(), record.of(day.name)
    if before is not None and "evaluation" not in known:
        known["evaluation"] = _evaluation(_evaluating(config, day, before), mode, day)
        record.write()
        for row in known["evaluation"]:
            figures = (f"{name} {row[name]:.4f}" for name in ("auc", "calibration", "mae") if row.get(name) is not None)
            log.info("day %s, %s, %s: %s (n = %d)", day.name, row["task"], row["rows"], ", ".join(figures), row["n"])
    evaluated_in, begun = time.perf_counter() - begun, time.perf_counter()
    data = _data(config, day)  # as it was read: what comes later is not trained on
    train(assemble(given, mode, "train"))
    known["checkpoint"] = _ended(given).relative_to(record.folder).as_posix()
    known["data"] = data
    record.write()
    log.info("day %s: evaluated in %.1f s, trained in %.1f s", day.name, evaluated_in, time.perf_counter() - begun)


def _data(config: Config, day: Day) -> str:
    return fingerprint(config.places(str(day.place)))


def _warn_if_changed(config: Config, day: Day, known: Mapping[str, Any]) -> None:
    if known.get("data") not in (None, _data(config, day)):
        log.warning(
            "day %s: its data have changed since it was trained on, and are not trained on again: begin anew in "
            "another runner.model_save_path to learn of them", day.name,
        )  # fmt: skip


def _warm(folder: Path, record: Record, before: Day | None) -> str | None:
    """The checkpoint that a day begins with; None: its first."""
    return str(folder / record.of(before.name)["checkpoint"]) if before else None


def _training(config: Config, day: Day, warm_start: str | None) -> Config:
    save = str(Path(config.runner.model_save_path) / day.name)
    runner = {"train_data_dir": str(day.place), "model_save_path": save, "resume": True, "warm_start": warm_start}
    return config.merged({"runner": runner})


def _evaluating(config: Config, day: Day, before: Day) -> Config:
    """The model of the day before on all rows of a day."""
    runner = config.runner
    return config.merged(
        {
            "runner": {
                "train_data_dir": str(before.place),
                "test_data_dir": str(day.place),
                "infer_load_path": str(Path(runner.model_save_path) / before.name),
                "infer_checkpoint": "best" if runner.early_stop else "latest",
                "infer_batch_size": runner.infer_batch_size or runner.train_batch_size,
            }
        }
    )


def _ended(config: Config) -> Path:
    """The checkpoint that a day's training ended with: the best where it may stop early, else the newest."""
    chosen = "best" if config.runner.early_stop else "latest"
    given = {"infer_load_path": config.runner.model_save_path, "infer_checkpoint": chosen}
    return checkpoint_folder(evaluated(config.merged({"runner": given}))[-1])


def _evaluation(config: Config, mode: Mode, day: Day) -> list[dict[str, Any]]:
    """Rows of the table, of a day that the model has not seen."""
    run = assemble(config, mode, "infer")
    start = evaluated(run.config)[-1]
    run = run.restore(start)
    calibrate(run, start)
    novelty = Novelty(run.directory.tasks(), run.reader.vocabulary)
    for batch in run.batches(run.reader, run.plan(0, 0, training=False)):
        novelty.add(batch, run.engine.eval_step(batch))
    return novelty.rows(day.name)
