"""What a training does between its steps: validations, checkpoints, and the record of what it logged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rec.checkpoint.store import Store
from rec.errors import UserError
from rec.export.static import InferenceExport, wanted_export
from rec.loop.calibrate import calibrate, check_calibration
from rec.loop.rates import Rates
from rec.loop.save import save
from rec.loop.validate import Validation, restore_best
from rec.report.curves import Curves
from rec.report.history import History
from rec.report.meter import Meter
from rec.run.assembly import Run
from rec.run.start import Start


class Milestones:
    """Validates, saves and keeps record, each when it is time.

    Args:
        run: the training.
        store: its checkpoints.

    Attributes:
        rates: the learning rates, which validations may lower.

    Raises:
        UserError: a setting needs validation data, or names what is not measured.
    """

    def __init__(self, run: Run, store: Store) -> None:
        self._run, self._store, self._runner = run, store, run.config.runner
        _check_whole_updates(run)
        self.rates = Rates(run)
        self._validation = Validation(run, self.rates)
        check_calibration(run, self._validation.reader)
        self._export: InferenceExport | None = wanted_export(run)
        self._curves: Curves | None = None

    @property
    def over(self) -> bool:
        """Whether training ends before its last epoch."""
        return self._validation.over

    def begin(self, start: Start, step: int, facts: dict[str, Any]) -> None:
        """Training begins, or goes on, after `step` updates; `facts` are its `settings`."""
        self._facts = facts
        goes_on = start.manifest is not None and (start.resumes or start.epoch > 0)
        validated = start.manifest is not None and bool(start.manifest.metrics)
        self._history = History(self._store.folder, step if goes_on else 0, validated)
        if self._runner.use_visual:
            self._curves = Curves(self._run.config, "train")
        if start.manifest is not None and goes_on:
            self._store.run = start.manifest.run
            self._validation.resume(start.manifest)
            if start.resumes and not start.batch and not validated:
                self._validate(start.manifest.epoch, step)  # it was killed before that

    def end(self) -> None:
        """Training is over."""
        if self._curves:
            self._curves.close()
        restore_best(self._run, self._store, self._validation)
        calibrate(self._run, self._store, self._validation.reader)

    def add(
        self,
        kind: Literal["step", "epoch", "valid"],
        epoch: int,
        batch: int | None,
        step: int,
        values: Mapping[str, Any],
    ) -> None:
        """Keep what was logged."""
        self._history.add(kind, epoch, batch, step, values)
        if self._curves and kind != "epoch":
            prefix = "valid_" if kind == "valid" else ""
            self._curves.add({f"{prefix}{name}": value for name, value in values.items()}, step)

    def between(self, epoch: int, next_batch: int, step: int, meter: Meter) -> None:
        """After a step within an epoch."""
        before, metrics = self._validation.state(), None
        wanted = bool(self._runner.save_steps) and step % self._runner.save_steps == 0
        if self._runner.valid_steps and step % self._runner.valid_steps == 0:
            metrics = self._measure(epoch, next_batch, step)
        if metrics is not None:
            wanted = wanted or self.over or self._store.is_best(self._runner.best_by, metrics)
        if wanted:
            save(self._run, self._store, self._facts, step, epoch, next_batch, meter, before, metrics)
            self._prune()

    def epoch(self, epoch: int, step: int) -> None:
        """An epoch is over: a checkpoint, and then, whatever is wrong with its data, the validation."""
        save(self._run, self._store, self._facts, step, epoch, None, Meter(), self._validation.state())
        if self._export:
            self._export.write(self._store.folder / str(epoch))
        self._validate(epoch, step)
        self._prune()

    def _validate(self, epoch: int, step: int) -> None:
        """Evaluate the model as it is after an epoch, and note the result in the epoch's checkpoint."""
        metrics = self._measure(epoch, None, step)
        if metrics is not None:
            self._store.record_metrics(str(epoch), metrics)

    def _measure(self, epoch: int, next_batch: int | None, step: int) -> dict[str, float | None] | None:
        place = str(epoch) if next_batch is None else f"{epoch}-batch{next_batch}"
        metrics = self._validation.measure(place, step)
        if metrics is not None:
            self.add("valid", epoch, next_batch, step, metrics)
        return metrics

    def _prune(self) -> None:
        self._store.prune(self._runner.keep_last, self._runner.best_by)


def _check_whole_updates(run: Run) -> None:
    """Raise UserError if a checkpoint or validation would come between the batches of one update."""
    optimizer = run.config.hyper_parameters.get("optimizer") if run.native else None
    batches = optimizer.get("accumulate", 1) if isinstance(optimizer, Mapping) else 1
    for name in ("save_steps", "valid_steps"):
        steps = run.config.runner.model_dump()[name]
        if steps % batches:
            raise UserError(f"runner.{name} should be a multiple of optimizer.accumulate, {batches}, got {steps}")
