"""The evaluation loop: one for every model and both graph modes."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rec.checkpoint.manifest import read_manifest
from rec.config.settings import RunnerSettings
from rec.console import Bar, log
from rec.data.batch import Batch, batch_length
from rec.errors import UserError
from rec.loading import error_context
from rec.loop.notices import Notices
from rec.loop.signs import not_finite_predictions
from rec.metrics.task import Result, Task
from rec.metrics.tasks import TaskMetrics
from rec.metrics.truth import TruthMetrics, TruthResult
from rec.report.lines import epoch_line, step_line
from rec.report.meter import Meter
from rec.report.predictions import PredictionFile, check_path, make_folder
from rec.report.table import print_results, print_truth
from rec.report.values import flat, for_line, headlines
from rec.run.assembly import Run
from rec.run.calibrated import calibrate
from rec.run.held_out import check_tested
from rec.run.start import checkpoint_folder, evaluated, left_out


@dataclass(frozen=True)
class Evaluation:
    """What one pass over the data came to.

    Attributes:
        values: as a log line shows them.
        results: of each task; empty for PaddleRec's models, which count for themselves.
        truth: against the known probabilities of simulated data; empty for real data.
        impressions: how many were scored.
        seconds: how long it took.
    """

    values: dict[str, Any]
    results: dict[str, Result]
    truth: dict[str, TruthResult]
    impressions: int
    seconds: float

    @property
    def judges(self) -> bool:
        """Whether a row told a label: rows that are only scored do not."""
        return not self.results or any(result.n for result in self.results.values())


def evaluate(run: Run) -> None:
    """Evaluate the config's checkpoints, each with its own vocabulary, and write metrics.json beside it.

    Where no row tells a label, the rows are only scored, and a metrics.json of before stays as it is.

    Raises:
        UserError: no such checkpoint, one that does not fit, or unreadable data.
    """
    runner = run.config.runner
    starts = evaluated(run.config)
    for line in left_out(run.config):
        log.warning("%s", line)
    check_tested(starts, run.config)
    last = checkpoint_folder(starts[-1])
    predictions = _predictions(runner, last)
    if predictions:
        make_folder(predictions)
    shown: dict[str, Evaluation] = {}
    for start in starts:
        folder, run = checkpoint_folder(start), run.restore(start)
        calibrate(run, start)
        writer = PredictionFile(predictions, _tasks(run)) if predictions and folder == last else None
        evaluation = evaluate_pass(run, run.reader, folder.name, writer, announce=not shown)
        log.info(epoch_line(folder.name, evaluation.values, evaluation.seconds))
        shown[folder.name] = evaluation
        if writer:
            log.info("predictions of %s: %s (%d rows)", folder, predictions, evaluation.impressions)
    if not any(evaluation.judges for evaluation in shown.values()):
        unless = "" if predictions else ": runner.predict_save_path names a file for the predictions"
        log.info("no row tells a label, so there is nothing to judge by, and no metrics.json is written%s", unless)
        return
    print_results({name: evaluation.results for name, evaluation in shown.items()})
    print_truth({name: evaluation.truth for name, evaluation in shown.items()})
    for folder in map(checkpoint_folder, starts):
        _write_metrics(folder, run.config.places(runner.test_data_dir), shown[folder.name])
        log.info("written: %s", (folder / "metrics.json").resolve())


def check(run: Run) -> None:
    """Raise what `evaluate` would stop at before its first batch; writes nothing."""
    starts = evaluated(run.config)
    check_tested(starts, run.config)
    _predictions(run.config.runner, checkpoint_folder(starts[-1]))
    calibrate(run.restore(starts[0]), starts[0])


def _predictions(runner: RunnerSettings, last: Path) -> Path | None:
    """The file for predictions of the `last` checkpoint, if they are asked for."""
    path = Path(runner.predict_save_path) if runner.predict_save_path else None
    if runner.use_save_data and path is None:
        path = last / "predictions.parquet"
    if path:
        check_path(path)
    return path


def evaluate_pass(
    run: Run,
    reader: Any,
    epoch: str,
    writer: PredictionFile | None = None,
    validation: bool = False,
    announce: bool = True,
) -> Evaluation:
    """Score every impression of a reader once with the engine's present weights.

    Args:
        epoch: whose weights these are, for log lines; `validation`: they say that it is one within training.
        writer: where predictions go.
        announce: say what the reader met in the data.
    """
    title, prefix = (f"validation of epoch {epoch}", "validation, ") if validation else (f"evaluation of {epoch}", "")
    engine, runner = run.engine, run.config.runner
    for metric in engine.metrics:
        metric.reset()
    begun, impressions, meter, notices, truth = time.perf_counter(), 0, Meter(), Notices(), TruthMetrics(_tasks(run))
    with Bar(title, run.length(reader)) as bar, writer or contextlib.nullcontext():
        meter.start()
        for index, batch in enumerate(run.batches(reader, run.plan(0, 0, training=False))):
            meter.reading_done()
            notices.add(batch)
            with error_context(run.config.model_dir, f"{title}, batch {index}"):
                values = engine.eval_step(batch)
            if isinstance(batch, Batch):
                truth.update(values, batch.truth)
            if writer:
                writer.add(batch, values)
            impressions += batch_length(batch)
            bar.advance(batch_length(batch))
            meter.step_done(values, batch_length(batch))
            if index % runner.print_interval == 0:
                averages, costs = meter.interval()
                recent = for_line(engine.metrics, engine.metric_names, run.config.model_dir, recent=True)
                log.info("%s%s", prefix, step_line(epoch, index, {**averages, **recent}, costs))
    if announce:
        notices.log(title, "predicted, but not counted in metrics")
    counted = [metric for metric in engine.metrics if isinstance(metric, TaskMetrics)]
    for warning in (w for metric in counted for w in not_finite_predictions(metric, title).values()):
        log.warning("%s", warning)
    results = {name: r for metric in counted for name, r in metric.accumulate().items()}
    counts = headlines(results) or for_line(engine.metrics, engine.metric_names, run.config.model_dir)
    shown = {**meter.averages(), **counts}
    return Evaluation(shown, results, truth.accumulate(), impressions, time.perf_counter() - begun)


def _tasks(run: Run) -> list[Task]:
    """Those of our models; PaddleRec's have none."""
    return [task for metric in run.engine.metrics if isinstance(metric, TaskMetrics) for task in metric.tasks]


def _write_metrics(folder: Path, data: Sequence[Path], evaluation: Evaluation) -> None:
    manifest = read_manifest(folder)
    content = {
        "checkpoint": str(folder.resolve()),
        "step": manifest.step if manifest else None,
        "data": ", ".join(map(str, data)),
        "impressions": evaluation.impressions,
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
