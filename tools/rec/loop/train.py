"""The training loop: one for every model and both graph modes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from rec.checkpoint import arrays
from rec.checkpoint.lock import only_writer
from rec.checkpoint.store import Manifest, Store, check_file, read_manifest
from rec.checkpoint.store import load as load_checkpoint
from rec.config.suggest import did_you_mean
from rec.errors import UserError
from rec.loading import blaming
from rec.loop import vectors
from rec.loop.evaluate import evaluate_pass
from rec.loop.failure import not_finite, stop
from rec.loop.notices import Notices
from rec.loop.usable import check_rows
from rec.loop.watch import Watch
from rec.metrics.tasks import TaskMetrics
from rec.metrics.values import flat, for_line, numbers, rankable
from rec.report.console import Bar, log
from rec.report.curves import Curves
from rec.report.lines import epoch_line, step_line
from rec.report.meter import Meter
from rec.session import Session, batch_length

METRIC_STATE = "metrics.safetensors"


def train(session: Session) -> None:
    """Train for `runner.epochs`, with a checkpoint after each; goes on where a killed run stopped if asked to.

    Raises:
        UserError: unreadable data, a loss that is not finite, an unwritable checkpoint folder. Checkpoints written
            before stay whole.
    """
    _Training(session).run()


def check(session: Session) -> None:
    """Raise what `train` would stop at before its first step; writes nothing."""
    _Training(session).initialise()


class _Training:
    """A run's position and what it reports to."""

    def __init__(self, session: Session) -> None:
        self.session, self.engine = session, session.engine
        self.runner = session.config.runner
        self.store = Store(self.runner.model_save_path)
        self.step, self.first_epoch, self.first_batch = 0, 0, 0
        self.trained: set[str] = set()  # tasks that have a loss
        self.meter = Meter()
        self.watch = Watch(self.runner.num_workers)
        self.validation = self._open_validation()
        self.curves: Curves | None = None

    def _open_validation(self) -> Any:
        name = self.runner.best_metric
        if name and not self.runner.valid_data_dir:
            raise UserError(
                "runner.best_metric needs runner.valid_data_dir: the best epoch is not chosen on training data"
            )
        known = rankable(self._counted.tasks) if self._counted is not None else list(self.engine.metric_names)
        if name and name not in known:
            raise UserError(
                f"runner.best_metric: {name} is not measured{did_you_mean(name, known)}; one of {', '.join(known)}"
            )
        return self.session.open_reader("valid") if self.runner.valid_data_dir else None

    def run(self) -> None:
        if self.runner.use_out_vec:
            vectors.check(self.runner, self.engine)
        self.store.check_writable()
        with only_writer(self.store.folder):
            try:
                self._run()
            finally:  # an interrupt may come in the middle of a save
                with contextlib.suppress(OSError):
                    self.store.recover()

    def _run(self) -> None:
        self.store.recover()
        if self.runner.use_visual:
            self.curves = Curves(self.session.config, "train")
        if not (self.runner.resume and self._resume()):
            self.initialise()
        for epoch in range(self.first_epoch, self.runner.epochs):
            self._epoch(epoch, self.first_batch)
            self.first_batch = 0
        if self.curves:
            self.curves.close()
        log.info("checkpoints: %s", self.store.folder.resolve())
        if self.runner.use_out_vec:
            log.info("embedding %s: %s", self.runner.emb_weight_name, vectors.write(self.runner, self.engine).resolve())

    def initialise(self) -> None:
        """Start from the weights that the config names, or after the epoch that it names, if any."""
        if self.session.config.last_epoch >= 0:
            self._go_on_after(self.session.config.last_epoch)
        elif self.runner.model_init_path:
            self.engine.load(load_checkpoint(Path(self.runner.model_init_path), "weights"))
            log.info("weights from %s", self.runner.model_init_path)

    def _go_on_after(self, epoch: int) -> None:
        """PaddleRec's `last_epoch`: with that epoch's weights, and its optimizer's state, which PaddleRec forgets."""
        folder = Path(self.runner.model_init_path or self.store.folder / str(epoch))
        self.engine.load(load_checkpoint(folder, "everything"))
        manifest = read_manifest(folder)
        if manifest is not None:
            self.store.run, self.step = manifest.run, manifest.step
        self.first_epoch = epoch + 1
        log.info("last_epoch=%d: weights and optimizer state from %s", epoch, folder)

    def _resume(self) -> bool:
        manifest = self.store.latest()
        if manifest is None:
            log.info("nothing to resume in %s: starting anew", self.store.folder)
            return False
        folder = self.store.folder / manifest.name
        self.engine.load(load_checkpoint(folder, "everything"))
        self.store.run, self.step = manifest.run, manifest.step
        self.first_epoch, self.first_batch = manifest.epoch + 1, 0
        if manifest.next_batch is None and not manifest.metrics:
            self._validate(manifest.epoch)  # it was killed before that
        if manifest.next_batch is not None:
            self._check_order(manifest)
            self.first_epoch, self.first_batch = manifest.epoch, manifest.next_batch
            self.meter.load(manifest.meter)
            if self._counted is not None:
                self._counted.load_state(arrays.read(check_file(folder, METRIC_STATE, manifest)))
        log.info("resumed from %s: epoch %d, batch %d", folder, self.first_epoch, self.first_batch)
        return True

    def _order(self) -> dict[str, Any]:
        """What the order of the training data depends on: a position within an epoch means nothing under another."""
        reader = self.session.reader
        settings = ("train_batch_size", "seed", "shuffle", "shuffle_chunk", "drop_last")
        order = {f"runner.{name}": getattr(self.runner, name) for name in settings}
        return {**order, "exposures": len(reader) if hasattr(reader, "__len__") else None}

    def _check_order(self, manifest: Manifest) -> None:
        now = self._order()
        changed = [f"{name} was {old}, is {now.get(name)}" for name, old in manifest.order.items() if now[name] != old]
        if changed:
            raise UserError(
                f"cannot go on within epoch {manifest.epoch}, whose order of data has changed: {'; '.join(changed)}. "
                "Set it as it was, or start from the weights alone with runner.model_init_path"
            )

    def _epoch(self, epoch: int, start: int) -> None:
        begun = time.perf_counter()
        notices = Notices()
        reader, plan = self.session.reader, self.session.plan(epoch, start, training=True)
        total = len(reader) if hasattr(reader, "__len__") else None
        index = -1
        with Bar(f"epoch {epoch}", total) as bar:
            bar.advance(start * plan.batch_size)
            self.meter.start()
            for index, batch in enumerate(self.session.batches(reader, plan), start):
                self.meter.reading_done()
                notices.add(batch)
                if batch_length(batch):
                    self._step(epoch, index, batch)
                    bar.advance(batch_length(batch))
        if index < 0 and not start:
            raise UserError(
                "the reader yields no batch: no rows, or fewer than runner.train_batch_size, and an incomplete batch "
                "is left out (runner.drop_last=false trains on it)"
            )
        if epoch == self.first_epoch:
            notices.log(self.runner.train_data_dir, "not trained on")
            if self._counted is not None:
                check_rows(self._counted, self.trained, self.runner.train_data_dir)
        self._end_epoch(epoch, time.perf_counter() - begun)

    def _step(self, epoch: int, index: int, batch: Any) -> None:
        # Random layers draw from the step's own seed: a resumed run needs no generator state to repeat them.
        paddle.seed(self.runner.seed + self.step)
        with blaming(self.session.config.model_dir, f"training, epoch {epoch}, batch {index}"):
            shown = self.engine.train_step(batch)
        self.step += 1
        self.trained |= {name.removeprefix("loss_") for name in shown}
        self._check_finite(shown, batch, {"epoch": epoch, "batch": index, "step": self.step})
        self.meter.step_done(shown, batch_length(batch))
        place = f"epoch {epoch}, batch {index}"
        self.watch.step(shown, batch_length(batch), place)
        if index % self.runner.print_interval == 0:
            values, costs = self.meter.interval()
            values |= for_line(self.engine.metrics, self.engine.metric_names, recent=True)
            log.info(step_line(epoch, index, values, costs))
            self.watch.interval(self.engine.metrics, costs, place)
            if self.curves:
                self.curves.add(values, self.step)
        if self.runner.save_steps and self.step % self.runner.save_steps == 0:
            self._save(epoch, index + 1)

    def _check_finite(self, shown: Mapping[str, Any], batch: Any, facts: Mapping[str, int]) -> None:
        # What else a PaddleRec model shows is its own affair.
        names = not_finite(shown if self.session.house else {"loss": shown["loss"]})
        if names and self.runner.detect_nan:
            raise stop(names, batch, self._counted.tasks if self._counted else (), self.store, facts)
        if names:
            place = f"epoch {facts['epoch']}, batch {facts['batch']}"
            self.watch.warn("not finite", f"{', '.join(names)} is not finite at {place} (runner.detect_nan is false)")

    def _end_epoch(self, epoch: int, seconds: float) -> None:
        values = {**self.meter.averages(), **for_line(self.engine.metrics, self.engine.metric_names)}
        log.info(epoch_line(epoch, values, seconds))
        self.watch.predictions(self.engine.metrics, f"the end of epoch {epoch}")
        self.meter = Meter()
        self._reset_metrics()
        # Before validation: whatever is wrong with its data, the epoch's work is kept.
        self._save(epoch, None)
        if hasattr(self.engine, "epoch_saved"):
            self.engine.epoch_saved(self.store.folder / str(epoch))
        self._validate(epoch)
        self.store.thin(self.runner.keep_last, self.runner.best_metric)

    def _validate(self, epoch: int) -> None:
        """Evaluate the model as it is after an epoch, and note the result in the epoch's checkpoint."""
        if self.validation is None:
            return
        evaluation = evaluate_pass(self.session, self.validation, str(epoch), validation=True)
        metrics = flat(evaluation.results) or numbers(evaluation.values)
        log.info("validation, %s", epoch_line(epoch, evaluation.values, evaluation.seconds))
        self._reset_metrics()
        if self.curves:
            self.curves.add({f"valid_{name}": value for name, value in metrics.items()}, self.step)
        self.store.rate(str(epoch), metrics)

    def _save(self, epoch: int, next_batch: int | None) -> None:
        state = self.engine.state()
        broken = [name for name, value in state.weights.items() if not np.isfinite(np.sum(value, dtype=np.float64))]
        if broken:
            raise UserError(f"{', '.join(broken)}: not finite after step {self.step}; no checkpoint is made of that")
        manifest = Manifest(epoch, next_batch, self.step, self.store.run)
        more = {}
        if next_batch is not None:
            manifest.meter, manifest.order = self.meter.state(), self._order()
            more = {} if self._counted is None else {METRIC_STATE: self._counted.state()}
        texts = {"config.yaml": self.session.config.to_yaml(), **getattr(self.session.reader, "files", {})}
        save_format = self.runner.save_format or ("safetensors" if self.session.house else "pdparams")
        self.store.save(manifest, state, texts, more, self.engine.prefix, save_format)
        if next_batch is not None:
            self.store.thin(self.runner.keep_last, self.runner.best_metric)

    @property
    def _counted(self) -> TaskMetrics | None:
        """What our models count in; PaddleRec's metrics cannot be saved."""
        return next((metric for metric in self.engine.metrics if isinstance(metric, TaskMetrics)), None)

    def _reset_metrics(self) -> None:
        for metric in self.engine.metrics:
            metric.reset()
