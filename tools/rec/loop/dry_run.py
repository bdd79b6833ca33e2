"""--dry-run: everything up to the first step, and nothing after it."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from rec.errors import UserError
from rec.loop import evaluate, train
from rec.report.lines import is_scalar
from rec.run.assembly import Run, batch_length


def dry_run(run: Run) -> None:
    """Print the resolved config and the parameter count, read the first batch and score it.

    Raises:
        UserError: what a real run would stop at before its first update.
    """
    check = train.check if run.task == "train" else evaluate.check
    check(run)
    console = Console()
    console.print(run.config.to_yaml(), markup=False, highlight=False)
    counts = run.engine.num_parameter()
    table = Table(title="parameters")
    table.add_column("name")
    table.add_column("count", justify="right")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    table.add_section()
    table.add_row("total", f"{sum(counts.values()):,}")
    console.print(table)

    plan = run.plan(0, 0, training=run.task == "train")
    batch = next(iter(run.batches(run.reader, plan)), None)
    if batch is None:
        raise UserError("the reader yields no batch (with drop_last, the data may hold less than one)")
    values = run.engine.eval_step(batch)
    console.print(f"first batch: {batch_length(batch)} exposures")
    for name, value in values.items():
        if not is_scalar(value):
            console.print(f"  {name}: mean {np.mean(value):.6f}, from {np.min(value):.6f} to {np.max(value):.6f}")
    console.print("dry run: nothing was trained or written")
