"""What a training measures after each epoch on data that it does not train on."""

from __future__ import annotations

import numpy as np

from rec.checkpoint.store import lower_is_better
from rec.config.suggest import did_you_mean
from rec.console import log
from rec.errors import UserError
from rec.loop.evaluate import evaluate_pass
from rec.report.lines import epoch_line
from rec.report.values import flat, numbers, rankable
from rec.run.assembly import Run


class Validation:
    """The validation data of a run, if it has any.

    Raises:
        UserError: `best_metric` needs validation data, or names what is not measured.
    """

    def __init__(self, run: Run) -> None:
        runner, self._run = run.config.runner, run
        name = runner.best_metric
        if name and not runner.valid_data_dir:
            raise UserError(
                "runner.best_metric needs runner.valid_data_dir: the best epoch is not chosen on training data"
            )
        known = rankable(run.counted.tasks) if run.counted is not None else list(run.engine.metric_names)
        if name and name not in known:
            raise UserError(
                f"runner.best_metric: {name} is not measured{did_you_mean(name, known)}; one of {', '.join(known)}"
            )
        if name and not run.native:  # a name of the directory's own
            log.info("the best epoch is the one with the %s %s", "lowest" if lower_is_better(name) else "highest", name)
        self._reader = run.open_reader("valid") if runner.valid_data_dir else None
        self._announced = False

    def measure(self, epoch: int) -> dict[str, float | None] | None:
        """The metrics with the engine's present weights, flat; None where there are no validation data.

        Raises:
            UserError: `best_metric` is several numbers, as a PaddleRec directory's may be.
        """
        if self._reader is None:
            return None
        announce, self._announced = not self._announced, True
        evaluation = evaluate_pass(self._run, self._reader, str(epoch), validation=True, announce=announce)
        log.info("validation, %s", epoch_line(epoch, evaluation.values, evaluation.seconds))
        name = self._run.config.runner.best_metric or ""
        count = np.size(evaluation.values.get(name, 0.0))
        if count != 1:
            raise UserError(f"runner.best_metric: {name} is {count} numbers, by which no epoch is the best")
        return flat(evaluation.results) or numbers(evaluation.values)
