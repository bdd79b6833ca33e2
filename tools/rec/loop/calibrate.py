"""The end of a training with `runner.calibration`: predictions are held against validation data, and corrected."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from rec.calibration.calibration import FEW, Calibration, TaskCalibration, fewer, fit, ids_of
from rec.calibration.file import CALIBRATION, to_json
from rec.calibration.measure import crosswise, figures
from rec.checkpoint.store import Store
from rec.config.calibration import CalibrationSettings
from rec.config.suggest import did_you_mean
from rec.console import log
from rec.data.batch import Batch
from rec.data.fingerprint import files_in, fingerprint
from rec.errors import UserError
from rec.loop.weights import take_weights
from rec.metrics.task import Task
from rec.numeric import Array
from rec.run.assembly import Run
from rec.run.parts import is_training_folder

_Rows = tuple[Array, Array, Array | None]
"""Predictions float32 [n], labels bool [n] and, by a field, ids int64 [n] of a task's rows."""


def check_calibration(run: Run, reader: Any) -> None:
    """Raise UserError before training if nothing can be calibrated at its end; `reader` is of the validation data."""
    settings, config = run.config.runner.calibration, run.config
    if settings is None:
        return
    folder = config.runner.valid_data_dir
    if config.runner.evaluates == "best" and not config.runner.best_by:
        raise UserError("runner.calibration is of the best checkpoint: set runner.best_metric, e.g. auc_ctcvr")
    if not folder:
        raise UserError(
            "runner.calibration needs runner.valid_data_dir or data.valid: on training data any model is right"
        )
    if not is_training_folder(config, folder) and _same_rows(run):
        raise UserError("runner.calibration: runner.valid_data_dir holds rows that are trained on: name others")
    if not any(task.kind == "binary" for task in run.directory.tasks()):
        raise UserError("runner.calibration corrects probabilities, and the model predicts numbers alone")
    known = [name for block in run.reader.blocks if not block.sequence for name in block.fields]
    if settings.by and settings.by not in known:
        hint = did_you_mean(settings.by, known)
        raise UserError(f"runner.calibration.by: {settings.by} is none of the fields{hint}: {', '.join(known)}")
    if settings.by:
        for batch in run.batches(reader, run.plan(0, 0, training=False)):
            ids_of(batch, settings.by)
            break


def _same_rows(run: Run) -> bool:
    """Whether the validation data are a copy of the training data, or share a file with them."""
    config = run.config
    train, valid = config.places(config.runner.train_data_dir), config.places(config.runner.valid_data_dir)
    files = [{os.path.realpath(file) for file in files_in(places)} for places in (train, valid)]
    return bool(files[0] & files[1]) or fingerprint(valid, "valid") == fingerprint(train)


def calibrate(run: Run, store: Store, reader: Any) -> None:
    """Fit the calibration that the config asks for, and write it into the checkpoint that will be evaluated.

    Args:
        run: its engine gets that checkpoint's weights.
        store: the checkpoints.
        reader: of the validation data.

    Raises:
        UserError: the validation data cannot be read, or the checkpoint not be written.
    """
    runner = run.config.runner
    if runner.calibration is None:
        return
    manifest = store.best(runner.best_by or "") if runner.evaluates == "best" else store.latest()
    if manifest is None:
        log.warning("nothing is calibrated: %s holds no checkpoint to evaluate", store.folder)
        return
    folder = store.folder / manifest.name
    take_weights(run.engine, folder)
    fitted: dict[str, TaskCalibration] = {}
    told: dict[str, Any] = {}
    for task, (p, label, ids) in _predicted(run, reader, runner.calibration).items():
        if fewer(label) < FEW:
            log.warning("%s is not calibrated: %d rows of one label are too few, %d needed", task, fewer(label), FEW)
            continue
        fitted[task] = fit(runner.calibration, p, label, ids)
        if runner.calibration.by and ids is not None:
            _log_values(task, runner.calibration.by, len(fitted[task].values), len(np.unique(ids)))
        before, after = figures(p, label), figures(crosswise(runner.calibration, p, label, ids), label)
        told[task] = {"rows": len(p), "positives": int(label.sum()), "before": before, "after": after}
        _log(task, told[task])
    store.add(manifest.name, CALIBRATION, to_json(Calibration(runner.calibration, fitted), told))
    log.info("calibration: %s", folder / CALIBRATION)


def _log_values(task: str, field: str, fitted: int, found: int) -> None:
    level = logging.INFO if fitted > 1 else logging.WARNING
    log.log(level, "calibration of %s by %s: %d of %d values have a curve of their own", task, field, fitted, found)


def _log(task: str, told: Mapping[str, Any]) -> None:
    changes = [f"{name} {told['before'][name]:.6f} -> {told['after'][name]:.6f}" for name in told["before"]]
    log.info(
        "calibration of %s: %s (%d rows, %d positives; each half by a fit to the other)",
        task, ", ".join(changes), told["rows"], told["positives"],
    )  # fmt: skip
    if told["after"]["logloss"] > told["before"]["logloss"]:
        log.warning("calibration of %s: it makes nothing better: too few rows for such a curve, or all is right", task)


def _predicted(run: Run, reader: Any, settings: CalibrationSettings) -> dict[str, _Rows]:
    """What the engine's weights predict for the validation data, by task, of the rows that count for it."""
    tasks = [task for task in run.directory.tasks() if task.kind == "binary"]
    rows: dict[str, list[_Rows]] = {task.name: [] for task in tasks}
    with run.engine.other_metrics():
        for metric in run.engine.metrics:
            metric.reset()
        for batch in run.batches(reader, run.plan(0, 0, training=False)):
            values = run.engine.eval_step(batch)
            ids = ids_of(batch, settings.by) if settings.by else None
            for task in tasks:
                rows[task.name].append(_counted(task, values[f"p{task.name}"], batch, ids))
    return {name: _together(parts) for name, parts in rows.items() if parts}


def _counted(task: Task, p: Array, batch: Batch, ids: Array | None) -> _Rows:
    """The rows of a batch whose label is known, and among which the task is judged."""
    p, label = p.reshape(-1), batch.labels[task.label]
    kept = ~np.isnan(label) & np.isfinite(p)
    if task.among:
        kept &= batch.labels[task.among] == 1
    if batch.excluded is not None:
        kept &= ~batch.excluded
    return p[kept], label[kept] == 1, None if ids is None else ids[kept]


def _together(parts: list[_Rows]) -> _Rows:
    p, label, ids = zip(*parts, strict=True)
    return np.concatenate(p), np.concatenate(label), None if ids[0] is None else np.concatenate(ids)
