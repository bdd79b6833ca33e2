"""The evaluation loop: one for every model and both graph modes."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rec.checkpoint.store import Store, read_manifest
from rec.checkpoint.store import load as load_checkpoint
from rec.errors import UserError
from rec.loading import blaming
from rec.loop.notices import Notices
from rec.loop.predictions import PredictionFile, check_path
from rec.loop.signs import not_finite_predictions
from rec.metrics.tasks import Result, Task, TaskMetrics
from rec.metrics.truth import TruthMetrics, TruthResult
from rec.metrics.values import flat, for_line, headlines
from rec.report.console import Bar, log
from rec.report.lines import epoch_line, step_line
from rec.report.meter import Meter
from rec.report.table import print_results, print_truth
from rec.session import Session, batch_length


@dataclass(frozen=True)
class Evaluation:
    """What one pass over the data came to.

    Attributes:
        values: as a log line shows them.
        results: of each task; empty for PaddleRec's models, which count for themselves.
        truth: against the known probabilities of simulated data; empty for real data.
        exposures: how many were scored.
        seconds: how long it took.
    """

    values: dict[str, Any]
    results: dict[str, Result]
    truth: dict[str, TruthResult]
    exposures: int
    seconds: float


def evaluate(session: Session) -> None:
    """Evaluate the checkpoints that the config asks for, and write metrics.json beside each.

    Raises:
        UserError: no such checkpoint, one that does not fit, or unreadable data.
    """
    runner = session.config.runner
    folders = chosen(session)
    predictions = Path(runner.predict_save_path) if runner.predict_save_path else None
    if runner.use_save_data and predictions is None:
        predictions = folders[-1] / "predictions.parquet"
    if predictions:
        check_path(predictions)
    shown = {}
    for folder in folders:
        session.engine.load(load_checkpoint(folder, "weights"))
        writer = PredictionFile(predictions, _tasks(session)) if predictions and folder == folders[-1] else None
        evaluation = evaluate_pass(session, session.reader, folder.name, writer)
        log.info(epoch_line(folder.name, evaluation.values, evaluation.seconds))
        shown[folder.name] = evaluation
        if writer:
            log.info("predictions of %s: %s (%d rows)", folder, predictions, evaluation.exposures)
    print_results({name: evaluation.results for name, evaluation in shown.items()})
    print_truth({name: evaluation.truth for name, evaluation in shown.items()})
    for folder in folders:
        _write_metrics(folder, session.config.resolve(runner.test_data_dir), shown[folder.name])
        log.info("written: %s", (folder / "metrics.json").resolve())


def check(session: Session) -> None:
    """Raise what `evaluate` would stop at before its first batch; writes nothing."""
    session.engine.load(load_checkpoint(chosen(session)[0], "weights"))


def evaluate_pass(
    session: Session, reader: Any, epoch: str, writer: PredictionFile | None = None, validation: bool = False
) -> Evaluation:
    """Score every exposure of a reader once with the engine's present weights.

    Args:
        epoch: whose weights these are, for log lines; `validation`: they say that it is one within training.
        writer: where predictions go.
    """
    title, prefix = (f"validation of epoch {epoch}", "validation, ") if validation else (f"evaluation of {epoch}", "")
    engine, runner = session.engine, session.config.runner
    for metric in engine.metrics:
        metric.reset()
    begun, exposures, meter, notices, truth = time.perf_counter(), 0, Meter(), Notices(), TruthMetrics(_tasks(session))
    total = len(reader) if hasattr(reader, "__len__") else None
    with Bar(title, total) as bar, writer or contextlib.nullcontext():
        meter.start()
        for index, batch in enumerate(session.batches(reader, session.plan(0, 0, training=False))):
            meter.reading_done()
            notices.add(batch)
            with blaming(session.config.model_dir, f"{title}, batch {index}"):
                values = engine.eval_step(batch)
            truth.update(values, getattr(batch, "truth", {}))
            if writer:
                writer.add(batch, values)
            exposures += batch_length(batch)
            bar.advance(batch_length(batch))
            meter.step_done(values, batch_length(batch))
            if index % runner.print_interval == 0:
                averages, costs = meter.interval()
                recent = for_line(engine.metrics, engine.metric_names, recent=True)
                log.info("%s%s", prefix, step_line(epoch, index, {**averages, **recent}, costs))
    notices.log(title, "predicted, but not counted in metrics")
    counted = [metric for metric in engine.metrics if isinstance(metric, TaskMetrics)]
    for warning in (w for metric in counted for w in not_finite_predictions(metric, title).values()):
        log.warning("%s", warning)
    results = {name: r for metric in counted for name, r in metric.accumulate().items()}
    shown = {**meter.averages(), **(headlines(results) or for_line(engine.metrics, engine.metric_names))}
    return Evaluation(shown, results, truth.accumulate(), exposures, time.perf_counter() - begun)


def _tasks(session: Session) -> list[Task]:
    """Those of our models; PaddleRec's have none."""
    return [task for metric in session.engine.metrics if isinstance(metric, TaskMetrics) for task in metric.tasks]


def chosen(session: Session) -> list[Path]:
    """Checkpoint folders to evaluate."""
    runner = session.config.runner
    store = Store(runner.infer_load_path)
    if runner.infer_checkpoint == "epochs":
        epochs = range(runner.infer_start_epoch, runner.infer_end_epoch)
        folders = [store.folder / str(epoch) for epoch in epochs]
        newest = {manifest.name for manifest in store.manifests()}  # empty where PaddleRec wrote them
        found = [folder for folder in folders if folder.is_dir() and (not newest or folder.name in newest)]
        if not found:
            raise UserError(
                f"{store.folder}: no checkpoint of epochs {epochs.start} to {epochs.stop - 1}; train first, or set "
                "runner.infer_load_path, infer_start_epoch and infer_end_epoch"
            )
        for folder in folders:
            if folder not in found:
                log.warning("%s: %s: left out", folder, "of another run" if folder.is_dir() else "no such checkpoint")
        return found
    if runner.infer_checkpoint == "best" and not runner.best_metric:
        raise UserError("runner.infer_checkpoint is best: set runner.best_metric, e.g. auc_ctcvr")
    manifest = store.best(runner.best_metric or "") if runner.infer_checkpoint == "best" else store.latest()
    if manifest is None:
        raise UserError(f"{store.folder}: no {runner.infer_checkpoint} checkpoint there")
    return [store.folder / manifest.name]


def _write_metrics(folder: Path, data: Path, evaluation: Evaluation) -> None:
    manifest = read_manifest(folder)
    content = {
        "checkpoint": str(folder.resolve()),
        "step": manifest.step if manifest else None,
        "data": str(data),
        "exposures": evaluation.exposures,
        "seconds": round(evaluation.seconds, 3),
        **(flat(evaluation.results) or {name: _plain(value) for name, value in evaluation.values.items()}),
        "truth": {name: result.as_dict() for name, result in evaluation.truth.items()},
        "tasks": {name: result.as_dict() for name, result in evaluation.results.items()},
    }
    target, temporary = folder / "metrics.json", folder / f".metrics-{os.getpid()}"
    try:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}") from None


def _plain(value: Any) -> Any:
    """A NumPy value as JSON takes it."""
    return value.tolist() if hasattr(value, "tolist") else value
