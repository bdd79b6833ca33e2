"""PaddleRec's log lines, which scripts parse: `epoch: 0, batch_id: 100, loss: 0.1, ..., ips: 9000.0 ins/s`."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def pairs(values: Mapping[str, Any]) -> str:
    """`name: value, ` for each scalar; vectors are left out."""
    return "".join(f"{name}: {text}, " for name, value in values.items() if (text := show(value)) is not None)


def show(value: Any) -> str | None:
    """A scalar as text; None for anything else."""
    if not is_scalar(value):
        return None
    if isinstance(value, np.ndarray):
        value = value.item()
    if isinstance(value, float):
        return f"{value:.6f}"
    return str(value)


def is_scalar(value: Any) -> bool:
    """Whether a value is one figure, not one per impression ([B, 1] is per impression even where B is 1)."""
    return not isinstance(value, np.ndarray) or (value.size == 1 and value.ndim < 2)


def number(value: Any) -> float:
    """A scalar as a float; NumPy 2.4 refuses `float` of an array of shape [1]."""
    return float(value.item() if isinstance(value, np.ndarray) else value)


def step_line(epoch: int | str, batch: int, values: Mapping[str, Any], costs: Mapping[str, float]) -> str:
    """The line of a print interval; `costs` are its averages per step in seconds and its impressions."""
    ips = costs["samples"] / costs["batch"] if costs["batch"] else 0.0
    return (
        f"epoch: {epoch}, batch_id: {batch}, {pairs(values)}avg_reader_cost: {costs['reader']:.5f} sec, "
        f"avg_batch_cost: {costs['batch']:.5f} sec, avg_samples: {costs['samples']:.5f}, ips: {ips:.5f} ins/s"
    )


def epoch_line(epoch: int | str, values: Mapping[str, Any], seconds: float) -> str:
    """The line at the end of an epoch."""
    return f"epoch: {epoch} done, {pairs(values)}epoch time: {seconds:.2f} s"
