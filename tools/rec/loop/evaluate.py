"""The evaluation loop: one for every model and both graph modes."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from rec.config.settings import RunnerSettings
from rec.console import Bar, log
from rec.data.batch import Batch, batch_length
from rec.loading import error_context
from rec.loop.evaluation import Evaluation, write_metrics
from rec.loop.judge import asked_for, judge_of
from rec.loop.notices import Notices
from rec.loop.signs import not_finite_predictions
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics
from rec.metrics.truth import TruthMetrics
from rec.report.lines import epoch_line, step_line
from rec.report.meter import Meter
from rec.report.metric_table import print_metrics, print_segments
from rec.report.predictions import PredictionFile, check_path, make_folder
from rec.report.table import print_results, print_truth
from rec.report.values import flat_estimates, for_line, headlines
from rec.run.assembly import Run
from rec.run.calibrated import calibrate
from rec.run.held_out import check_tested
from rec.run.start import checkpoint_folder, evaluated, left_out


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
    print_metrics({name: evaluation.metrics for name, evaluation in shown.items()})
    print_segments({name: evaluation.segments for name, evaluation in shown.items()})
    for folder in map(checkpoint_folder, starts):
        write_metrics(folder, run.config.places(runner.test_data_dir), shown[folder.name])
        log.info("written: %s", (folder / "metrics.json").resolve())


def check(run: Run) -> None:
    """Raise what `evaluate` would stop at before its first batch; writes nothing."""
    starts = evaluated(run.config)
    check_tested(starts, run.config)
    _predictions(run.config.runner, checkpoint_folder(starts[-1]))
    asked_for(run.config.runner, _tasks(run))
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
    judge = judge_of(run, reader)
    with Bar(title, run.length(reader)) as bar, writer or contextlib.nullcontext():
        meter.start()
        for index, batch in enumerate(run.batches(reader, run.plan(0, 0, training=False))):
            meter.reading_done()
            notices.add(batch)
            with error_context(run.config.model_dir, f"{title}, batch {index}"):
                values = engine.eval_step(batch)
            if isinstance(batch, Batch):
                truth.update(values, batch.truth)
                if judge:
                    judge.add(batch, values)
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
    metrics = judge.metrics() if judge else {}
    segments = judge.segments() if judge and not validation else {}
    shown = {**meter.averages(), **counts, **flat_estimates(metrics)}
    seconds = time.perf_counter() - begun
    return Evaluation(shown, results, truth.accumulate(), metrics, segments, impressions, seconds)


def _tasks(run: Run) -> list[Task]:
    """Those of our models; PaddleRec's have none."""
    return [task for metric in run.engine.metrics if isinstance(metric, TaskMetrics) for task in metric.tasks]
