"""runner.replay: one step on a saved batch, to see why its loss was not finite; nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import paddle

from rec.console import log
from rec.data.batch import Batch
from rec.data.batch_file import load_batch
from rec.errors import UserError
from rec.loop.failure import not_finite
from rec.report.lines import is_scalar, pairs
from rec.run.assembly import Run


def replay(run: Run) -> None:
    """Score the batch of `runner.replay` and take one step on it, from the newest checkpoint's weights.

    Without a checkpoint the weights are those of `runner.model_init_path`, or the initial ones.

    Raises:
        UserError: the file holds no batch for this model, or a loss of the step is not finite.
    """
    engine, runner = run.engine, run.config.runner
    path = Path(runner.replay or "")
    batch, facts = load_batch(path)
    _check_fits(run, batch, path)
    run = run.restore(run.start)
    folder = run.start.folder
    log.info("%s (%s), weights: %s", path, ", ".join(f"{k} {v}" for k, v in facts.items()), folder or "initial ones")
    for name, value in engine.eval_step(batch).items():
        log.info("before the step, %s: %s", name, _describe(value))
    paddle.seed(runner.seed + facts.get("step", 1) - 1)  # as the training loop seeded that step
    shown = engine.train_step(batch)
    log.info("the step: %s", pairs(shown).rstrip(", "))
    broken = [name for name, value in engine.state().weights.items() if not np.isfinite(value).all()]
    log.info("after the step, weights that are not finite: %s", ", ".join(broken) or "none")
    bad = not_finite(shown)
    if bad:
        raise UserError(f"{path}: {', '.join(bad)} is not finite with the weights of {folder or 'the start'} already")
    log.info("with these weights the loss is finite: what spoilt it came in the steps between them and this batch")


def _check_fits(run: Run, batch: Any, path: Path) -> None:
    if isinstance(batch, Batch) != run.native:
        raise UserError(f"{path}: holds a batch of another kind of model")
    if not isinstance(batch, Batch):
        return
    fields = [(b.num_field, b.row_index is not None, b.sequence, b.dim, b.largest) for b in batch.bags]
    wanted = [(b.num_field, b.shared, b.sequence, b.dim, b.largest) for b in run.reader.blocks]
    num_number = 0 if batch.numbers is None else batch.numbers.shape[1]
    if fields != wanted or num_number != len(run.reader.numbers) or set(batch.labels) != set(run.reader.labels):
        raise UserError(f"{path}: holds a batch of other fields or labels than the reader gives")
    num_id = run.reader.num_id
    if len(batch.rows) and batch.rows.max() >= num_id:
        raise UserError(f"{path}: holds id {batch.rows.max()}, the embedding table has {num_id} rows")


def _describe(value: Any) -> str:
    if is_scalar(value):
        return str(value)
    finite = value[np.isfinite(value)]
    if not finite.size:
        return f"none of {value.size} finite"
    figures = f"mean {finite.mean():.6g}, from {finite.min():.6g} to {finite.max():.6g}"
    return figures if finite.size == value.size else f"{figures}, {value.size - finite.size} not finite"
