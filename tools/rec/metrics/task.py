"""What a model predicts and is judged by, and what it came to."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from rec.metrics.auc import AUC
from rec.metrics.regression import RegressionResult


@dataclass(frozen=True)
class Task:
    """A prediction, the label it is held against, and the label that must be 1 for a row to count.

    `Task("cvr", "conversion", among="click")` judges the output `cvr` on clicked rows only.

    Attributes:
        kind: a probability of a label of 0 and 1 (binary), or a number for a label that is one (regression).
        truth: columns of simulated data whose product is the true probability; empty: nobody knows it.
    """

    name: str
    label: str
    among: str | None = None
    kind: Literal["binary", "regression"] = "binary"
    truth: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskResult:
    """What one task came to over `n` rows; what `n` rows cannot tell is None.

    `logloss` is the mean in nats; `predicted` the mean probability, `observed` the rate of positives, `calibration`
    the sum of the probabilities over the number of positives (1 is right, above it the model promises too much).
    """

    auc: AUC
    logloss: float | None
    calibration: float | None
    predicted: float | None
    observed: float | None
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Plain numbers by name, ready for JSON."""
        return {
            "auc": self.auc.value,
            "auc_low": self.auc.low,
            "auc_high": self.auc.high,
            "auc_standard_error": self.auc.standard_error,
            "logloss": self.logloss,
            "calibration": self.calibration,
            "predicted": self.predicted,
            "observed": self.observed,
            "n": self.n,
            "positives": self.auc.positives,
        }

    def headline(self) -> dict[str, Any]:
        """What a log line shows: the AUC, or in words why there is none."""
        return {"auc": str(self.auc) if self.auc.value is None else self.auc.value}

    def figures(self) -> dict[str, float | None]:
        """What is recorded of it."""
        return {"auc": self.auc.value, "logloss": self.logloss, "calibration": self.calibration}


Result: TypeAlias = TaskResult | RegressionResult
