"""The training loop: one for every model and both graph modes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from rec.checkpoint.lock import only_writer
from rec.checkpoint.store import Store
from rec.console import Bar, log
from rec.data.batch import batch_length
from rec.distributed.ranks import here
from rec.errors import UserError
from rec.loading import error_context
from rec.loop import vectors
from rec.loop.failure import not_finite, stop
from rec.loop.follow import follow
from rec.loop.milestones import Milestones
from rec.loop.notices import Notices
from rec.loop.position import Position, begin, settings
from rec.loop.save import load_metrics
from rec.loop.usable import check_losses, check_rows
from rec.loop.watch import Watch
from rec.report.lines import epoch_line, step_line
from rec.report.meter import Meter
from rec.report.values import for_line
from rec.run import overwrite
from rec.run.assembly import Run
from rec.run.several import check_several


def train(run: Run) -> None:
    """Train for `runner.epochs`, with a checkpoint after each; goes on where a killed run stopped if asked to.

    Raises:
        UserError: unreadable data, a loss that is not finite, an unwritable checkpoint folder. Checkpoints written
            before stay whole.
    """
    check_several(run)
    if here().rank:
        follow(run)
        return
    training = _Training(run)
    training.work()
    here().order("end")
    if not here().alone:
        log.info("%d processes; the first sent %d bytes in %d steps", here().count, here().sent, training.steps)


def check(run: Run) -> None:
    """Raise what `train` would stop at before its first step; writes nothing."""
    overwrite.refuse(run.config, run.native)
    Milestones(run, Store(run.config.runner.model_save_path))
    begin(run, settings(run))


class _Training:
    """A run's position and what it reports to."""

    def __init__(self, run: Run) -> None:
        self.run, self.engine, self.runner = run, run.engine, run.config.runner
        self.data = ", ".join(map(str, run.config.places(self.runner.train_data_dir)))
        self.store = Store(self.runner.model_save_path)
        self.place = Position()
        self.steps = 0  # made by this process
        self.trained: set[str] = set()  # tasks that have a loss
        self.meter = Meter()
        self.watch = Watch(run.if_slow)
        self.milestones = Milestones(run, self.store)

    def work(self) -> None:
        if self.runner.use_out_vec:
            vectors.check(self.runner, self.engine)
        self.store.check_writable()
        with only_writer(self.store.folder):
            try:
                self._work()
            finally:  # an interrupt may come in the middle of a save
                with contextlib.suppress(OSError):
                    self.store.recover()

    def _work(self) -> None:
        self.store.recover()
        overwrite.refuse(self.run.config, self.run.native)
        self._begin()
        first = self.place.epoch
        for epoch in range(first, self.runner.epochs):
            if self.milestones.over:
                break
            self._epoch(epoch, self.place.batch, announce=epoch == first)
            self.place.batch = 0
        self.milestones.end()
        log.info("checkpoints: %s", self.store.folder.resolve())
        if self.runner.use_out_vec:
            log.info("embedding %s: %s", self.runner.emb_weight_name, vectors.write(self.runner, self.engine).resolve())

    def _begin(self) -> None:
        start, facts = self.run.start, settings(self.run) | self.milestones.rates.facts()
        self.place = begin(self.run, facts)
        self.milestones.begin(start, self.place.step, facts)
        if start.manifest is not None and start.resumes and start.batch:
            self.meter.load(start.manifest.meter)
            load_metrics(self.run)

    def _epoch(self, epoch: int, start: int, announce: bool) -> None:
        begun = time.perf_counter()
        notices = Notices()
        reader, plan = self.run.reader, self.run.plan(epoch, start, training=True)
        here().order("epoch", epoch=epoch, start=start)
        index = -1
        with Bar(f"epoch {epoch}", self.run.length(reader, plan)) as bar:
            bar.advance(start * plan.batch_size)
            self.meter.start()
            batches = self.run.batches(reader, plan)
            for index, batch in enumerate(batches, start):
                self.meter.reading_done()
                notices.add(batch)
                if batch_length(batch):
                    self._step(epoch, index, batch)
                    bar.advance(batch_length(batch))
                    if self.milestones.over:
                        batches.close()
                        return
        if index < 0 and not start:
            raise UserError(
                "the reader yields no batch: no rows, or fewer than runner.train_batch_size, and an incomplete batch "
                "is left out (runner.drop_last=false trains on it)"
            )
        if announce:
            notices.log(self.data, "not trained on")
            if self.run.counted is not None:
                check_rows(self.run.counted, self.trained, self.data)
                check_losses(self.meter.averages(), self.data)
        self._end_epoch(epoch, time.perf_counter() - begun, self.run.native or index >= 0)

    def _step(self, epoch: int, index: int, batch: Any) -> None:
        # Random layers draw from the step's own seed: a resumed run needs no generator state to repeat them.
        here().seed_step(self.runner.seed, self.place.step)
        rates = self.milestones.rates.at(self.place.step)
        here().order("step", epoch=epoch, index=index, step=self.place.step, rates=rates)
        if rates:
            self.engine.set_rates(rates)
        with error_context(self.run.config.model_dir, f"training, epoch {epoch}, batch {index}"):
            shown = self.engine.train_step(batch)
        self.place.step += 1
        self.steps += 1
        self.trained |= {name.removeprefix("loss_") for name in shown}
        self._check_finite(shown, batch, {"epoch": epoch, "batch": index, "step": self.place.step})
        rows = self.run.counted.newest if self.run.counted else {}
        self.meter.step_done(shown, batch_length(batch), {f"loss_{task}": count for task, count in rows.items()})
        place = f"epoch {epoch}, batch {index}"
        self.watch.step(shown, batch_length(batch), place)
        if index % self.runner.print_interval == 0:
            values, costs = self.meter.interval()
            values |= self._figures(recent=True) | {_rate_name(name): rate for name, rate in rates.items()}
            log.info(step_line(epoch, index, values, costs))
            self.milestones.add("step", epoch, index + 1, self.place.step, values)
            self.watch.interval(self.engine.metrics, costs, place)
        self.milestones.between(epoch, index + 1, self.place.step, self.meter)

    def _check_finite(self, shown: Mapping[str, Any], batch: Any, facts: Mapping[str, int]) -> None:
        # What else a PaddleRec model shows is its own affair.
        names = not_finite(shown if self.run.native else {"loss": shown["loss"]})
        if names and self.runner.detect_nan:
            raise stop(names, batch, self.run.counted.tasks if self.run.counted else (), self.store, facts)
        if names:
            place = f"epoch {facts['epoch']}, batch {facts['batch']}"
            self.watch.warn("not finite", f"{', '.join(names)} is not finite at {place} (runner.detect_nan is false)")

    def _end_epoch(self, epoch: int, seconds: float, counted: bool) -> None:
        """`counted`: whether the metrics have met anything; PaddleRec's have not where all but this was done before."""
        values = {**self.meter.averages(), **(self._figures() if counted else {})}
        log.info(epoch_line(epoch, values, seconds))
        self.milestones.add("epoch", epoch, None, self.place.step, values)
        self.watch.predictions(self.engine.metrics, f"the end of epoch {epoch}")
        self.meter = Meter()
        self._reset_metrics()
        self.milestones.epoch(epoch, self.place.step)

    def _figures(self, recent: bool = False) -> dict[str, Any]:
        return for_line(self.engine.metrics, self.engine.metric_names, self.run.config.model_dir, recent)

    def _reset_metrics(self) -> None:
        for metric in self.engine.metrics:
            metric.reset()


def _rate_name(section: str) -> str:
    """What a log line calls the rate of an optimizer's section."""
    return "learning_rate" if section == "optimizer" else "table_learning_rate"
