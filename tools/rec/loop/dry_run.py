"""--dry-run: everything up to the first step, and that step in memory only."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
from rich.console import Console
from rich.table import Table

from rec.data.batch import batch_length
from rec.errors import UserError
from rec.loading import error_context
from rec.loop import evaluate, train
from rec.loop.failure import advice, not_finite
from rec.report.lines import is_scalar, pairs
from rec.report.meter import Meter
from rec.run.assembly import Run


def dry_run(run: Run) -> None:
    """Print the resolved config and the parameter count, score the first batch and, in training, compute its loss.

    Raises:
        UserError: what a real run would stop at within its first step.
    """
    check = train.check if run.task == "train" else evaluate.check
    check(run)
    console = Console(emoji=False)
    console.print(run.config.to_yaml(), markup=False, highlight=False, soft_wrap=True)
    counts = run.engine.num_parameter()
    table = Table(title="parameters")
    table.add_column("name")
    table.add_column("count", justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    table.add_section()
    table.add_row("total", f"{sum(counts.values()):,}")
    console.print(table)

    index, batch = _first_batch(run)
    before = f" (the {index} before hold none to train on)" if index else ""
    console.print(f"first batch: {batch_length(batch)} impressions{before}")
    for name, value in run.engine.eval_step(batch).items():
        if not is_scalar(value):
            console.print(f"  {name}: mean {np.mean(value):.6f}, from {np.min(value):.6f} to {np.max(value):.6f}")
    if run.task == "train":
        console.print(f"  {_losses(run, batch)}", highlight=False, soft_wrap=True)
    console.print("dry run: nothing was written")


def _first_batch(run: Run) -> tuple[int, Any]:
    """The first batch that holds impressions, and how many before it hold none: contradictory ones are left out."""
    index, plan = -1, run.plan(0, 0, training=run.task == "train")
    for index, batch in enumerate(run.batches(run.reader, plan)):
        if batch_length(batch):
            return index, batch
    if index >= 0:
        raise UserError("nothing to train on: every batch is empty, its impressions' labels contradict each other")
    raise UserError("the reader yields no batch (with drop_last, the data may hold less than one)")


def _losses(run: Run, batch: Any) -> str:
    """What the log would show of the first step, whose update goes with this process."""
    runner, meter = run.config.runner, Meter()
    paddle.seed(runner.seed)  # as the training loop seeds its first step
    with error_context(run.config.model_dir, "training, epoch 0, batch 0"):
        shown = run.engine.train_step(batch)
    names = not_finite(shown if run.native else {"loss": shown["loss"]})
    if names and runner.detect_nan:
        tasks = run.counted.tasks if run.counted else ()
        raise UserError(f"{', '.join(names)} is not finite in the first step. {advice(names, batch, tasks)}")
    meter.start()
    meter.step_done(shown, batch_length(batch))
    return pairs(meter.averages()).rstrip(", ")
