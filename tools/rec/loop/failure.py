"""A loss that is not finite: the run stops, says where, and keeps the batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rec.checkpoint.store import Store
from rec.data.batch_file import save_batch
from rec.errors import UserError
from rec.report.lines import is_scalar


def not_finite(shown: Mapping[str, Any]) -> list[str]:
    """The figures of a step that are NaN or infinite, by name: those of tasks (`loss_ctr`) rather than `loss`."""
    bad = [name for name, value in shown.items() if is_scalar(value) and not math.isfinite(np.asarray(value).item())]
    return [name for name in bad if name != "loss"] or bad


def stop(names: list[str], batch: Any, store: Store, facts: Mapping[str, int]) -> UserError:
    """The error of a run whose `names` are not finite; saves the batch beside the checkpoints.

    Args:
        facts: `epoch`, `batch` (its index) and `step` (updates made, this one among them).
    """
    kept = store.latest()
    last = f"the last good checkpoint is {store.folder / kept.name}" if kept else "no checkpoint was written yet"
    path = store.folder / f"not-finite-epoch{facts['epoch']}-batch{facts['batch']}.npz"
    try:
        save_batch(path, batch, facts)
        saved = f"the batch is {path}: -o runner.replay={path} trains on it alone"
    except (OSError, ValueError) as error:
        saved = f"the batch could not be saved ({error})"
    return UserError(
        f"{', '.join(names)} is not finite at epoch {facts['epoch']}, batch {facts['batch']} (step {facts['step']}); "
        f"{last}; {saved}. Try a smaller hyper_parameters.optimizer.learning_rate"
    )
