"""One network trained on chosen rows, and its predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import paddle

from rec.compare.judge import Facts
from rec.compare.rows import Choose, ChosenRows, usable
from rec.compare.systems import Built
from rec.data.batch import Batch
from rec.data.loader import load_batches
from rec.data.plan import ReadPlan
from rec.errors import UserError
from rec.loop.failure import advice, not_finite
from rec.numeric import Array

Advance = Callable[[int], object]


def train_epoch(built: Built, epoch: int, choose: Choose, advance: Advance) -> int:
    """Train on the rows that `choose` chooses, once; returns how many there were.

    Raises:
        UserError: unreadable data, no row is chosen, or the loss is not finite.
    """
    runner, impressions = built.config.runner, 0
    plan = ReadPlan(
        runner.train_batch_size or 1, True, epoch=epoch, seed=runner.seed, shuffle=runner.shuffle is not False
    )
    rows = ChosenRows(built.train_reader, choose)
    for step, batch in enumerate(load_batches(rows, plan, min(runner.num_workers, 1), built.config.model_dir)):
        # Random layers draw from a seed of the epoch and step, whatever this process did before.
        paddle.seed(runner.seed + (epoch << 32) + step)
        bad = not_finite(built.engine.train_step(batch))
        if bad:
            raise UserError(f"{', '.join(bad)} is not finite at epoch {epoch}, step {step}. {advice(bad, batch, ())}")
        impressions += len(batch)
        advance(len(batch))
    for metric in built.engine.metrics:
        metric.reset()
    if not impressions:
        raise UserError(f"{runner.train_data_dir}: no impression is left to train on: a larger share of it is needed")
    return impressions


def predict(built: Built, target: str, reader: object, advance: Advance, in_process: bool = False) -> Array:
    """float32 [n]: the network's `target` for every impression of a reader that counts, in the data's order.

    `in_process`: what choosing rows leaves behind is wanted here, so no other process may read.
    """
    pieces = [np.empty(0, np.float32)]
    for batch in _in_order(built, reader, in_process):
        values = built.engine.eval_step(batch)
        if f"p{target}" not in values:
            raise UserError(f"{built.config.model_dir}: predicts {', '.join(values)}, but no p{target}")
        pieces.append(np.array(values[f"p{target}"], np.float32).reshape(-1)[usable(batch)])
        for metric in built.engine.metrics:
            metric.reset()
        advance(len(batch))
    return np.concatenate(pieces)


def facts(built: Built, reader: object) -> Facts:
    """What is known of the same impressions."""
    columns: dict[str, list[Array]] = {}
    for batch in _in_order(built, reader):
        known = {**{name: batch.labels[name] for name in ("click", "conversion")}, **batch.truth}
        for name in ("click", "conversion", "p_click", "p_conversion"):
            if name in known:
                columns.setdefault(name, []).append(known[name][usable(batch)])
    if not columns:
        raise UserError(f"{built.config.runner.test_data_dir}: holds no impression to evaluate on")
    return Facts(**{name: np.concatenate(pieces) for name, pieces in columns.items()})


def _in_order(built: Built, reader: object, in_process: bool = False) -> Iterator[Batch]:
    runner = built.config.runner
    plan = ReadPlan(runner.infer_batch_size or runner.train_batch_size or 1, training=False)
    return load_batches(reader, plan, 0 if in_process else min(runner.num_workers, 1), built.config.model_dir)
