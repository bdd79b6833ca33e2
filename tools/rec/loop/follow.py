"""What a trainer does that is not the first: its part of each step, when the first one says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rec.data.batch import Batch
from rec.data.divided import Divided
from rec.distributed.ranks import here
from rec.loading import error_context
from rec.loop.shards import write_shards
from rec.loop.weights import load_weights
from rec.run.assembly import Run
from rec.table.sharded import ShardedTable


def follow(run: Run) -> None:
    """Take part in a training until the first trainer ends it, which decides, counts, validates, logs and writes alone.

    Raises:
        UserError: this trainer's part of the data cannot be read; the first one says so.
    """
    run.restore(run.start)
    _Following(run).work()


class _Following:
    """A trainer's place in an epoch."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._own: Iterator[Any] = iter(())
        self._next: Batch | None = None  # this trainer's part of the batch to come
        self._batch: Batch | None = None  # its part of the present one, with what all have of it

    def work(self) -> None:
        """Do what the first trainer says."""
        hub = here().hub
        assert hub is not None
        does: dict[str, Callable[..., None]] = {
            "epoch": self._epoch,
            "batch": self._share,
            "step": self._step,
            "load": self._load,
            "serve": self._serve,
            "shard": self._shard,
        }
        while (what := (order := hub.next_order()).pop("order")) != "end":
            does[what](**order)

    def _epoch(self, epoch: int, start: int) -> None:
        plan = self.run.plan(epoch, start, training=True)
        self._divided, self._own = Divided(self.run.reader, plan, here()), self.run.batches(self.run.reader, plan)
        self._advance()

    def _share(self, index: int) -> None:
        assert self._next is not None
        self._batch = self._divided.shared(index, self._next)
        if not len(self._batch.everyone or ()):
            self._advance()

    def _step(self, epoch: int, index: int, step: int, rates: dict[str, float]) -> None:
        here().seed_step(self.run.config.runner.seed, step)
        if rates:
            self.run.engine.set_rates(rates)
        with error_context(self.run.config.model_dir, f"training, epoch {epoch}, batch {index}"):
            self.run.engine.train_step(self._batch)
        self._advance()

    def _advance(self) -> None:
        """Have this trainer's part of the next batch, and say so."""
        self._next = next(self._own, None)
        hub = here().hub
        assert hub is not None
        hub.ready()

    def _serve(self, table: int) -> None:
        """Rows of a divided table are asked for."""
        self._sharded(table).serve()

    def _shard(self, folder: str) -> None:
        """A checkpoint is written, and this trainer's rows of the table are to be in it; the first trainer says what is
        wrong."""
        engine = self.run.engine
        assert engine.table is not None
        with contextlib.suppress(OSError):
            write_shards(here(), engine.table.shard(), Path(folder), engine.prefix)

    def _sharded(self, number: int) -> ShardedTable:
        assert self.run.engine.table is not None
        found = self.run.engine.table.parts[number]
        assert isinstance(found, ShardedTable)
        return found

    def _load(self, folder: str) -> None:
        """Take the weights of a checkpoint."""
        load_weights(self.run.engine, Path(folder))
