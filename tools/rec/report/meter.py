"""Averages of a running epoch and of its newest print interval."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from rec.report.lines import is_scalar, number


class Meter:
    """Sums figures weighted by exposures, and times reading and computing.

    `start` begins a pass; around each step call `reading_done` when its batch has come and `step_done` when it is over.
    """

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._exposures = 0
        self._clear_interval()

    def start(self) -> None:
        """Set the clock; between passes no time counts."""
        self._begun = time.perf_counter()

    def reading_done(self) -> None:
        """The step's batch is here."""
        now = time.perf_counter()
        self._reader += now - self._begun

    def step_done(self, shown: Mapping[str, Any], exposures: int) -> None:
        """The step is over; count its scalars."""
        now = time.perf_counter()
        self._batch += now - self._begun
        self._begun = now
        self._steps += 1
        self._samples += exposures
        self._exposures += exposures
        for name, value in shown.items():
            if is_scalar(value) and np.asarray(value).dtype.kind in "fiub":
                total = number(value) * exposures
                self._sums[name] = self._sums.get(name, 0.0) + total
                self._recent[name] = self._recent.get(name, 0.0) + total

    def interval(self) -> tuple[dict[str, float], dict[str, float]]:
        """Averages since the last call, and costs per step (`steps`: of how many); starts a new interval."""
        steps, samples = max(self._steps, 1), max(self._samples, 1)
        values = {name: total / samples for name, total in self._recent.items()}
        costs = {"reader": self._reader / steps, "batch": self._batch / steps, "samples": self._samples / steps}
        costs["steps"] = self._steps
        self._clear_interval()
        return values, costs

    def averages(self) -> dict[str, float]:
        """Averages over the epoch, weighted by exposures."""
        return {name: total / max(self._exposures, 1) for name, total in self._sums.items()}

    def state(self) -> dict[str, Any]:
        """The epoch's sums, for a mid-epoch checkpoint."""
        return {"sums": dict(self._sums), "exposures": self._exposures}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self._sums, self._exposures = dict(state["sums"]), state["exposures"]

    def _clear_interval(self) -> None:
        self._recent: dict[str, float] = {}
        self._steps, self._samples, self._reader, self._batch = 0, 0, 0.0, 0.0
