"""The training loop: one for every model and both graph modes."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from rec.checkpoint import arrays
from rec.checkpoint.store import Manifest, Store
from rec.checkpoint.store import load as load_checkpoint
from rec.errors import UserError
from rec.loop.evaluate import Evaluation, evaluate_pass
from rec.loop.notices import Notices
from rec.metrics.tasks import TaskMetrics
from rec.metrics.values import flat, for_line
from rec.report.console import Bar, log
from rec.report.curves import Curves
from rec.report.lines import epoch_line, is_scalar, step_line
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


class _Training:
    """A run's position and what it reports to."""

    def __init__(self, session: Session) -> None:
        self.session, self.engine = session, session.engine
        self.runner = session.config.runner
        self.store = Store(self.runner.model_save_path)
        self.step, self.first_epoch, self.first_batch = 0, 0, 0
        self.meter = Meter()
        self.validation = self._open_validation()
        self.curves = Curves(session.config, "train") if self.runner.use_visual else None

    def _open_validation(self) -> Any:
        if self.runner.valid_data_dir:
            return self.session.open_reader("valid")
        if self.runner.best_metric:
            raise UserError(
                "runner.best_metric needs runner.valid_data_dir: the best epoch is not chosen on training data"
            )
        return None

    def run(self) -> None:
        self.store.check_writable()
        self.store.recover()
        if not (self.runner.resume and self._resume()):
            self._initialise()
        for epoch in range(self.first_epoch, self.runner.epochs):
            self._epoch(epoch, self.first_batch)
            self.first_batch = 0
        if self.curves:
            self.curves.close()
        log.info("checkpoints: %s", self.store.folder.resolve())

    def _initialise(self) -> None:
        if self.runner.model_init_path:
            self.engine.load(load_checkpoint(Path(self.runner.model_init_path), "weights"))
            log.info("weights from %s", self.runner.model_init_path)

    def _resume(self) -> bool:
        manifest = self.store.latest()
        if manifest is None:
            log.info("nothing to resume in %s: starting anew", self.store.folder)
            return False
        folder = self.store.folder / manifest.name
        self.engine.load(load_checkpoint(folder, "everything"))
        self.store.run, self.step = manifest.run, manifest.step
        self.first_epoch, self.first_batch = manifest.epoch + 1, 0
        if manifest.next_batch is not None:
            self.first_epoch, self.first_batch = manifest.epoch, manifest.next_batch
            self.meter.load(manifest.meter)
            if self._counted is not None:
                self._counted.load_state(arrays.read(folder / METRIC_STATE))
        log.info("resumed from %s: epoch %d, batch %d", folder, self.first_epoch, self.first_batch)
        return True

    def _epoch(self, epoch: int, start: int) -> None:
        begun = time.perf_counter()
        notices = Notices()
        reader, plan = self.session.reader, self.session.plan(epoch, start, training=True)
        total = len(reader) if hasattr(reader, "__len__") else None
        with Bar(f"epoch {epoch}", total) as bar:
            bar.advance(start * plan.batch_size)
            self.meter.start()
            for index, batch in enumerate(self.session.batches(reader, plan), start):
                self.meter.reading_done()
                notices.add(batch)
                if batch_length(batch):
                    self._step(epoch, index, batch)
                    bar.advance(batch_length(batch))
        if epoch == self.first_epoch:
            notices.log(self.runner.train_data_dir, "not trained on")
        self._end_epoch(epoch, time.perf_counter() - begun)

    def _step(self, epoch: int, index: int, batch: Any) -> None:
        # Random layers draw from the step's own seed: a resumed run needs no generator state to repeat them.
        paddle.seed(self.runner.seed + self.step)
        shown = self.engine.train_step(batch)
        self.step += 1
        if self.runner.detect_nan:
            self._check_finite(shown, epoch, index)
        self.meter.step_done(shown, batch_length(batch))
        if index % self.runner.print_interval == 0:
            values, costs = self.meter.interval()
            values |= for_line(self.engine.metrics, self.engine.metric_names, recent=True)
            log.info(step_line(epoch, index, values, costs))
            if self.curves:
                self.curves.add(values, self.step)
        if self.runner.save_steps and self.step % self.runner.save_steps == 0:
            self._save(epoch, index + 1, {})

    def _check_finite(self, shown: Mapping[str, Any], epoch: int, index: int) -> None:
        bad = [name for name, value in shown.items() if is_scalar(value) and not math.isfinite(float(value))]
        if bad:
            names = [name for name in bad if name != "loss"] or bad
            kept = self.store.latest()
            last = (
                f"the last good checkpoint is {self.store.folder / kept.name}"
                if kept
                else "no checkpoint was written yet"
            )
            raise UserError(
                f"{', '.join(names)} is not finite at epoch {epoch}, batch {index} (step {self.step}); {last}. "
                "Try a smaller hyper_parameters.optimizer.learning_rate"
            )

    def _end_epoch(self, epoch: int, seconds: float) -> None:
        values = {**self.meter.averages(), **for_line(self.engine.metrics, self.engine.metric_names)}
        log.info(epoch_line(epoch, values, seconds))
        self.meter = Meter()
        self._reset_metrics()
        metrics: dict[str, float | None] = {}
        if self.validation is not None:
            evaluation = evaluate_pass(self.session, self.validation, f"validation of epoch {epoch}")
            metrics = flat(evaluation.results)
            log.info("validation, %s", epoch_line(epoch, evaluation.values, evaluation.seconds))
            self._check_best_metric(evaluation)
            self._reset_metrics()
            if self.curves:
                self.curves.add({f"valid_{name}": value for name, value in metrics.items()}, self.step)
        self._save(epoch, None, metrics)

    def _check_best_metric(self, evaluation: Evaluation) -> None:
        name = self.runner.best_metric
        if name and name not in flat(evaluation.results):
            known = ", ".join(flat(evaluation.results))
            raise UserError(f"runner.best_metric: {name} is not measured; one of {known}")

    def _save(self, epoch: int, next_batch: int | None, metrics: dict[str, float | None]) -> None:
        state = self.engine.state()
        broken = [name for name, value in state.weights.items() if not np.isfinite(np.sum(value, dtype=np.float64))]
        if broken:
            raise UserError(f"{', '.join(broken)}: not finite after step {self.step}; no checkpoint is made of that")
        manifest = Manifest(epoch, next_batch, self.step, self.store.run, metrics)
        more = {}
        if next_batch is not None:
            manifest.meter = self.meter.state()
            more = {} if self._counted is None else {METRIC_STATE: self._counted.state()}
        texts = {"config.yaml": self.session.config.to_yaml()}
        self.store.save(manifest, state, texts, more, self.engine.prefix, self.runner.save_format)
        self.store.thin(self.runner.keep_last, self.runner.best_metric)

    @property
    def _counted(self) -> TaskMetrics | None:
        """What our models count in; PaddleRec's metrics cannot be saved."""
        return next((metric for metric in self.engine.metrics if isinstance(metric, TaskMetrics)), None)

    def _reset_metrics(self) -> None:
        for metric in self.engine.metrics:
            metric.reset()
