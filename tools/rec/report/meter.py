"""Averages of a running epoch and of its newest print interval."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from rec.report.lines import is_scalar, number

RATIO = "ratio_"
"""What the name of a step's output begins with that holds a sum and its divisor, float [2]; shown without it."""


class _Means:
    """Sums by name, and what each is to be divided by."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.divisors: dict[str, float] = {}

    def add(self, name: str, total: float, divisor: float) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + total
        self.divisors[name] = self.divisors.get(name, 0.0) + divisor

    def means(self) -> dict[str, float]:
        """By name; left out where the divisors sum to 0."""
        return {name: total / self.divisors[name] for name, total in self.sums.items() if self.divisors[name]}


class Meter:
    """Averages figures, weighted by impressions, and ratios of sums; times reading and computing.

    `start` begins a pass; around each step call `reading_done` when its batch has come and `step_done` when it is over.
    """

    def __init__(self) -> None:
        self._epoch = _Means()
        self._clear_interval()

    def start(self) -> None:
        """Set the clock; between passes no time counts."""
        self._begun = time.perf_counter()

    def reading_done(self) -> None:
        """The step's batch is here."""
        now = time.perf_counter()
        self._reader += now - self._begun

    def step_done(
        self, shown: Mapping[str, Any], impressions: int, rows: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        """The step is over; count its scalars and ratios.

        Args:
            shown: by name.
            impressions: in the batch.
            rows: how many of them a figure is the mean of, where these are fewer.
        """
        now = time.perf_counter()
        self._batch += now - self._begun
        self._begun = now
        self._steps += 1
        self._samples += impressions
        for name, value in shown.items():
            if name.startswith(RATIO) and np.shape(value) == (2,):
                pair = (name.removeprefix(RATIO), float(value[0]), float(value[1]))
            elif is_scalar(value) and np.asarray(value).dtype.kind in "fiub":
                weight = rows.get(name, impressions)
                pair = (name, number(value) * weight if weight else 0.0, float(weight))
            else:
                continue
            self._epoch.add(*pair)
            self._recent.add(*pair)

    def interval(self) -> tuple[dict[str, float], dict[str, float]]:
        """Averages since the last call, and costs per step (`steps`: of how many); starts a new interval."""
        steps = max(self._steps, 1)
        values = self._recent.means()
        costs = {"reader": self._reader / steps, "batch": self._batch / steps, "samples": self._samples / steps}
        costs["steps"] = self._steps
        self._clear_interval()
        return values, costs

    def averages(self) -> dict[str, float]:
        """Averages over the epoch."""
        return self._epoch.means()

    def state(self) -> dict[str, Any]:
        """The epoch's sums, and the interval's, for a mid-epoch checkpoint."""
        recent = {"sums": dict(self._recent.sums), "divisors": dict(self._recent.divisors)}
        return {"sums": dict(self._epoch.sums), "divisors": dict(self._epoch.divisors), "recent": recent}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self._epoch.sums = dict(state["sums"])
        # Checkpoints of versions without ratios hold one divisor for all.
        self._epoch.divisors = dict(state.get("divisors") or dict.fromkeys(state["sums"], state.get("exposures", 0)))
        recent = state.get("recent") or {"sums": {}, "divisors": {}}
        self._recent.sums, self._recent.divisors = dict(recent["sums"]), dict(recent["divisors"])

    def _clear_interval(self) -> None:
        self._recent = _Means()
        self._steps, self._samples, self._reader, self._batch = 0, 0, 0.0, 0.0
