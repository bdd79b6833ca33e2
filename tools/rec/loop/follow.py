"""What a trainer does that is not the first: its part of each step, when the first one says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from rec.data.divided import Batches
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
        self._batches: Batches | None = None  # this trainer's parts of an epoch's

    def work(self) -> None:
        """Do what the first trainer says."""
        hub = here().hub
        assert hub is not None
        does: dict[str, Callable[..., None]] = {
            "epoch": self._epoch,
            "step": self._step,
            "fail": self._fail,
            "load": self._load,
            "serve": self._serve,
            "shard": self._shard,
        }
        while (what := (order := hub.next_order()).pop("order")) != "end":
            does[what](**order)
        self._leave()

    def _epoch(self, epoch: int, start: int) -> None:
        self._leave()
        plan = self.run.plan(epoch, start, training=True)
        self._batches = self.run.batches(self.run.reader, plan)

    def _leave(self) -> None:
        """End the thread that reads."""
        if self._batches is not None:
            self._batches.close()

    def _step(self, epoch: int, index: int, step: int, rates: dict[str, float]) -> None:
        assert self._batches is not None
        batch = next(self._batches)
        here().seed_step(self.run.config.runner.seed, step)
        if rates:
            self.run.engine.set_rates(rates)
        with error_context(self.run.config.model_dir, f"training, epoch {epoch}, batch {index}"):
            self.run.engine.train_step(batch)

    def _fail(self, error: Exception) -> None:
        """The thread that reads could not."""
        raise error

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
