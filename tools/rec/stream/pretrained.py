"""What a stream begins with: models and helpers trained on the clicks whose outcome is known by then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from rec.checkpoint.store import Store
from rec.console import log
from rec.nn.delay.helpers import ElapsedHelper
from rec.nn.delay.method import AGAIN, CLICKED, DELAY, ELAPSED, FINAL, LATE, NEGATIVE, SEEN, WINDOW
from rec.nn.delay.towers import ClickTowers
from rec.numeric import Array
from rec.stream.events import Events
from rec.stream.learner import Columns, Learner
from rec.stream.log import DAY, NEVER, AsOf


def columns_of(events: Events, window: int) -> dict[str, Array]:
    """What a row of a stream says of itself, float32 [m] by name; `window`: the attribution window."""
    return {
        FINAL: events.label, AGAIN: events.again, ELAPSED: events.elapsed, DELAY: events.delay,
        CLICKED: events.clicked, WINDOW: np.full(len(events), window / DAY, np.float32),
    }  # fmt: skip


def pretrain(learner: Learner, events: Events, window: int, folder: Path) -> None:
    """Train on rows of clicks whose windows have closed for `runner.epochs`, shuffled; what `folder` has is not done
    again."""
    _epochs(learner, folder, lambda _: (events.rows, columns_of(events, window)))


def train_helper(learner: Learner, kind: type[ClickTowers], known: AsOf, wait: int, folder: Path) -> None:
    """The same of a helper, on what it is to say of these clicks."""
    seed = learner.config.runner.seed

    def rows(epoch: int) -> tuple[Array, Columns]:
        if kind is ElapsedHelper:
            return known.rows, _of_time(known, np.random.default_rng([seed, epoch, 1]))
        return known.rows, _of_wait(known, wait)

    _epochs(learner, folder, rows)


def _of_wait(known: AsOf, wait: int) -> Columns:
    bought, soon = known.conversion != NEVER, known.delay <= wait
    return {LATE: _float(bought & ~soon), NEGATIVE: np.where(soon, np.nan, _float(~bought)).astype(np.float32)}


def _of_time(known: AsOf, random: np.random.Generator) -> Columns:
    """Each click at a time of its own, between the click and the end of its window."""
    elapsed = (random.random(len(known.rows)) * known.window).astype(np.int64)
    bought, seen = known.conversion != NEVER, known.delay <= elapsed
    return {
        SEEN: np.where(bought, _float(seen), np.nan).astype(np.float32),
        NEGATIVE: np.where(seen, np.nan, _float(~bought)).astype(np.float32),
        ELAPSED: (elapsed / DAY).astype(np.float32),
    }


def _float(flags: Array) -> Array:
    return flags.astype(np.float32)


def _epochs(learner: Learner, folder: Path, rows_of: Callable[[int], tuple[Array, Columns]]) -> None:
    store = Store(folder)
    if learner.restore(store) is not None:
        return
    runner = learner.config.runner
    for epoch in range(runner.epochs):
        rows, columns = rows_of(epoch)
        order = np.random.default_rng([runner.seed, epoch]).permutation(len(rows))
        learner.train(rows[order], {name: values[order] for name, values in columns.items()}, epoch)
    learner.save(store, 0)
    log.info("%s: pretrained on %d rows, %d epochs", folder.name, len(rows), runner.epochs)
