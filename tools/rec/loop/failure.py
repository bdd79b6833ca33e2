"""A loss that is not finite: the run stops, says where and what may be at fault, and keeps the batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rec.checkpoint.store import Store
from rec.data.batch import Batch
from rec.data.batch_file import save_batch
from rec.errors import UserError
from rec.metrics.task import Task
from rec.report.lines import is_scalar

_LARGE = 1e6
"""A weight from which on it may be what a loss or a gradient breaks at."""


def not_finite(shown: Mapping[str, Any]) -> list[str]:
    """The figures of a step that are NaN or infinite, by name: those of tasks (`loss_ctr`) rather than `loss`."""
    bad = [name for name, value in shown.items() if is_scalar(value) and not math.isfinite(np.asarray(value).item())]
    return [name for name in bad if name != "loss"] or bad


def stop(names: list[str], batch: Any, tasks: Sequence[Task], store: Store, facts: Mapping[str, int]) -> UserError:
    """The error of a run whose `names` are not finite; saves the batch beside the checkpoints.

    Args:
        names: as `not_finite` gives them.
        batch: of that step.
        tasks: the model's; none of PaddleRec's.
        store: of the run.
        facts: `epoch`, `batch` (its index) and `step` (updates made, this one among them).
    """
    kept = store.latest()
    last = "no checkpoint was written yet"
    if kept is not None and kept.run == store.run:  # the folder may hold checkpoints of a run before
        last = f"the last good checkpoint is {store.folder / kept.name}"
    path = store.folder / f"not-finite-epoch{facts['epoch']}-batch{facts['batch']}.npz"
    try:
        save_batch(path, batch, facts)
        saved = f"the batch is {path}: -o runner.replay={path} trains on it alone"
    except (OSError, ValueError) as error:
        saved = f"the batch could not be saved ({error})"
    return UserError(
        f"{', '.join(names)} is not finite at epoch {facts['epoch']}, batch {facts['batch']} (step {facts['step']}); "
        f"{last}; {saved}. {advice(names, batch, tasks)}"
    )


def advice(names: Sequence[str], batch: Any, tasks: Sequence[Task]) -> str:
    """What to do about losses that are not finite: mend the batch if it is at fault, else a smaller learning rate."""
    faults = _of_batch(batch) if isinstance(batch, Batch) else _of_arrays(batch)
    if faults:
        return f"In the batch {'; '.join(faults)}: mend the data"
    return f"Try a smaller hyper_parameters.optimizer.learning_rate{''.join(_ranges(names, batch, tasks))}"


def _of_batch(batch: Batch) -> list[str]:
    """What is wrong with a batch of ours. A label that is NaN is not given; readers refuse weights that are."""
    faults = [
        f"{name} is infinite in {np.count_nonzero(np.isinf(values))} of {len(values)} impressions"
        for name, values in batch.labels.items()
        if np.isinf(values).any()
    ]
    for bags in batch.bags:
        bad = np.zeros(0) if bags.weights is None else ~np.isfinite(bags.weights)
        if bad.any():
            faults.append(f"{np.count_nonzero(bad)} of {len(bad)} token weights are not finite")
    return faults


def _of_arrays(batch: Any) -> list[str]:
    """The same of PaddleRec's batches."""
    faults = []
    for index, value in enumerate(batch if isinstance(batch, list) else []):
        array = np.asarray(value)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            faults.append(f"array {index} of {len(batch)} holds values that are not finite")
    return faults


def _ranges(names: Sequence[str], batch: Any, tasks: Sequence[Task]) -> list[str]:
    """The labels behind losses of numbers, which may be too large to be squared."""
    found = []
    for task in tasks:
        if task.kind == "regression" and f"loss_{task.name}" in names:
            values = batch.labels[task.label]
            known = values[np.isfinite(values)]
            if len(known):
                found.append(f", or look at {task.label}, which goes from {known.min():g} to {known.max():g} there")
    seen = {task.label for task in tasks}
    for name, values in batch.labels.items() if isinstance(batch, Batch) else ():
        largest = float(values[np.isfinite(values)].max(initial=0))
        if name not in seen and largest >= _LARGE:  # a sample weight, or a price
            found.append(f", or look at {name}, which goes up to {largest:g} there")
    return found
