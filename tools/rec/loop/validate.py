"""What a training measures, after each epoch and within it, on data that it does not train on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rec.checkpoint.better import lower_is_better
from rec.checkpoint.manifest import Manifest
from rec.checkpoint.store import Store
from rec.config.suggest import did_you_mean
from rec.console import log
from rec.errors import UserError
from rec.loop.evaluate import evaluate_pass
from rec.loop.judge import asked_for
from rec.loop.patience import Patience
from rec.loop.rates import Rates
from rec.loop.weights import take_weights
from rec.report.lines import epoch_line
from rec.report.values import flat, flat_estimates, numbers, rankable
from rec.run.assembly import Run


class Validation:
    """The validation data of a run, if it has any, and what validations have come to.

    Attributes:
        reader: of these data; None: there are none.

    Raises:
        UserError: a setting needs validation data, or names what is not measured.
    """

    def __init__(self, run: Run, rates: Rates) -> None:
        runner, self._run, self._rates = run.config.runner, run, rates
        self.patience = Patience()
        stop = runner.early_stop.metric if runner.early_stop else None
        ranked = {"runner.best_metric": runner.best_metric, "runner.early_stop.metric": stop}
        self._ranked = {setting: name for setting, name in {**ranked, **rates.metrics}.items() if name}
        for setting, wanted in (*self._ranked.items(), ("runner.valid_steps", runner.valid_steps)):
            if wanted and not runner.valid_data_dir:
                raise UserError(f"{setting} needs runner.valid_data_dir: no model is judged on training data")
        known = list(run.engine.metric_names)
        if run.counted is not None:
            known = rankable(run.counted.tasks, asked_for(runner, run.counted.tasks))
        for setting, name in self._ranked.items():
            if name not in known:
                raise UserError(
                    f"{setting}: {name} is not measured{did_you_mean(name, known)}; one of {', '.join(known)}"
                )
            if not run.native:  # a name of the directory's own
                log.info(
                    "the best epoch is the one with the %s %s", "lowest" if lower_is_better(name) else "highest", name
                )
        self.reader = run.open_reader("valid") if runner.valid_data_dir else None
        self._announced = False

    @property
    def over(self) -> bool:
        """Whether validations have stopped getting better for so long that training ends."""
        return self.patience.over(self._run.config.runner.early_stop)

    def resume(self, manifest: Manifest) -> None:
        """Go on from a checkpoint."""
        state = dict(manifest.patience)
        self._rates.load(state.pop("plateaus", {}))
        self.patience = Patience(**state)
        if manifest.metrics:
            self._count(manifest.metrics, manifest.step)

    def state(self) -> dict[str, Any]:
        """For a checkpoint: what validations have come to."""
        return self.patience.state() | {"plateaus": self._rates.state()}

    def _count(self, metrics: Mapping[str, float | None], step: int) -> None:
        self._rates.validated(metrics, step)
        self.patience = self.patience.after(self._run.config.runner.early_stop, metrics, step)

    def measure(self, place: str, step: int) -> dict[str, float | None] | None:
        """The metrics with the engine's present weights, flat; None where there are no validation data.

        What the training has counted of its epoch stays as it is.

        Args:
            place: where in training this is, for log lines.
            step: updates made by now.

        Raises:
            UserError: a metric that ranks is several numbers, as a PaddleRec directory's may be.
        """
        if self.reader is None:
            return None
        announce, self._announced = not self._announced, True
        with self._run.engine.other_metrics():
            evaluation = evaluate_pass(self._run, self.reader, place, validation=True, announce=announce)
        log.info("validation, %s", epoch_line(place, evaluation.values, evaluation.seconds))
        for setting, name in self._ranked.items():
            count = np.size(evaluation.values.get(name, 0.0))
            if count != 1:
                raise UserError(f"{setting}: {name} is {count} numbers, by which no epoch is the best")
        metrics = {**flat(evaluation.results), **flat_estimates(evaluation.metrics)} or numbers(evaluation.values)
        self._count(metrics, step)
        return metrics


def restore_best(run: Run, store: Store, validation: Validation) -> None:
    """After a training that may stop early, give the engine the weights of its best checkpoint, and say which it is.

    Raises:
        UserError: the checkpoint is damaged.
    """
    rule = run.config.runner.early_stop
    best = store.best(run.config.runner.best_by or "") if rule else None
    if rule is None or best is None:
        return
    if validation.over:
        log.info("stopped early: %d validations without a better %s", validation.patience.waited, rule.metric)
    take_weights(run.engine, store.folder / best.name)
    name = run.config.runner.best_by or ""
    log.info("the best checkpoint: %s (%s %.4f)", store.folder / best.name, name, best.metrics[name])
