"""Signs of trouble in a running training. Each takes figures and gives a warning, or None; none costs a step much."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from rec.metrics.spread import Spread
from rec.metrics.tasks import TaskMetrics
from rec.numeric import Array

FEW = 20
"""Steps, or positive labels, below which a mean is not judged."""


class LossSpike:
    """A loss far above those of the steps before.

    The bound is the median of the last `WINDOW` losses and ten times their spread, where the spread is the median
    absolute deviation in units of a normal distribution's sigma (x 1.4826): nothing that excluded does. Losses of small
    batches with rare positives are skewed, so the bound is also twice as far above the median as the largest of the
    window, and never nearer than half the median. It is worked out anew every `EVERY` steps.
    """

    WINDOW, EVERY = 500, 20

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=self.WINDOW)
        self._steps, self._impressions = 0, 0
        self._median, self._bound = 0.0, float("inf")

    def step(self, loss: float, impressions: int, place: str) -> str | None:
        """A step's loss. An epoch's incomplete last batch is passed over: its mean is of too few rows."""
        self._impressions = max(self._impressions, impressions)
        if 2 * impressions < self._impressions or not np.isfinite(loss):
            return None
        warning = None
        if loss > self._bound:
            warning = (
                f"loss spike at {place}: {loss:.6g}, where the median of the {len(self._recent)} steps before is "
                f"{self._median:.6g} and the largest {max(self._recent):.6g}: look at the data there, or try a smaller "
                "learning rate"
            )
        self._recent.append(loss)
        self._steps += 1
        if self._steps % self.EVERY == 0 and len(self._recent) >= 2 * self.EVERY:
            self._set_bound()
        return warning

    def _set_bound(self) -> None:
        losses = np.array(self._recent)
        self._median = float(np.median(losses))
        sigma = 1.4826 * float(np.median(np.abs(losses - self._median)))
        skew = float(losses.max()) - self._median
        self._bound = self._median + max(10 * sigma, 2 * skew, 0.5 * abs(self._median))


class DeadExperts:
    """Experts that no gate asks any more, from `gate_<name>`: each step's mean softmax weights, [E]."""

    LEAST = 1e-3

    def __init__(self) -> None:
        self._sums: dict[str, Array] = {}
        self._steps = 0

    def step(self, gates: Mapping[str, Array]) -> None:
        """A step's gates."""
        self._steps += bool(gates)
        for name, weights in gates.items():
            self._sums[name] = self._sums.get(name, 0.0) + np.asarray(weights, np.float64)

    def interval(self, place: str) -> dict[str, str]:
        """Warnings by cause over the steps since the last call; none while they are few."""
        if self._steps < FEW:
            return {}
        warnings = {}
        for name, total in self._sums.items():
            means = total / self._steps
            for expert in np.flatnonzero(means < self.LEAST):
                warnings[f"{name} {expert}"] = (
                    f"{name}: expert {expert} of {len(means)} is dead at {place}: its mean weight over {self._steps} "
                    f"steps is {means[expert]:.2g}; try a smaller learning rate, or fewer experts"
                )
        self._sums, self._steps = {}, 0
        return warnings


def collapse(task: str, spread: Spread, place: str) -> str | None:
    """Predictions that are all the same, or on average below a tenth of the rate of positives.

    For a CVR that is the mean over all impressions against the conversions per click. A model that is right about
    impressions nobody clicked may well be below that rate there, by a factor of two or three, but not of ten.
    """
    if spread.batches >= FEW and spread.widest < 1e-4:
        return (
            f"the predictions of {task} are constant at {place}: {spread.total / spread.n:.4g} for each of {spread.n} "
            "impressions; its tower may be dead (a smaller learning rate, other initial weights)"
        )
    if spread.positives >= FEW and spread.total / spread.n < 0.1 * spread.positives / spread.counted:
        return (
            f"the predictions of {task} have collapsed at {place}: their mean over {spread.n} impressions is "
            f"{spread.total / spread.n:.3g}, where {spread.positives} of {spread.counted} were positive "
            f"({spread.positives / spread.counted:.3g})"
        )
    return None


def not_finite_predictions(metrics: TaskMetrics, place: str) -> dict[str, str]:
    """A warning by task of predictions that are NaN or infinite."""
    return {
        task: f"{count} predictions of {task} are not finite at {place}: left out of its metrics"
        for task, count in metrics.not_finite.items()
        if count
    }


class SlowReader:
    """Steps that wait for their batch more than half of the time; `remedy` says what may help."""

    def __init__(self, remedy: str) -> None:
        self._remedy = remedy
        self._steps, self._reading, self._total = 0, 0.0, 0.0
        self._first = True

    def interval(self, costs: Mapping[str, float]) -> str | None:
        """The costs of a print interval, as `Meter` gives them. The first is left out: it holds what starts once."""
        if self._first:
            self._first = False
            return None
        self._steps += int(costs["steps"])
        self._reading += costs["reader"] * costs["steps"]
        self._total += costs["batch"] * costs["steps"]
        if self._steps < FEW or self._total < 2.0:  # of a run of seconds nobody wants to hear
            return None
        share = self._reading / self._total
        self._steps, self._reading, self._total = 0, 0.0, 0.0
        if share <= 0.5:
            return None
        return f"training waits for its data {share:.0%} of the time: {self._remedy}"
