"""Predicted numbers against the numbers: errors and order, computed exactly on the host."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RegressionResult:
    """What a task that predicts a number came to over `n` rows whose number is known; what they cannot tell is None.

    `mse` and `mae` are the mean squared and absolute error in the label's units (squared); `rank_correlation` is
    Spearman's, ties sharing their mean rank; `predicted` and `observed` are means.
    """

    mse: float | None
    mae: float | None
    rank_correlation: float | None
    predicted: float | None
    observed: float | None
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Plain numbers by name, ready for JSON."""
        return asdict(self)

    def headline(self) -> dict[str, Any]:
        """What a log line shows."""
        return {"rank_correlation": "undefined" if self.rank_correlation is None else self.rank_correlation}

    def figures(self) -> dict[str, float | None]:
        """What is recorded of it."""
        return {"mse": self.mse, "mae": self.mae, "rank_correlation": self.rank_correlation}


def regression_result(predicted: NDArray[np.float32], numbers: NDArray[np.float32]) -> RegressionResult:
    """The result of predictions, float [n], for labels, float [n]; rows whose label is NaN do not count."""
    known = np.isfinite(numbers)
    x, y = predicted[known].astype(np.float64), numbers[known].astype(np.float64)
    if not len(x):
        return RegressionResult(None, None, None, None, None, 0)
    error = x - y
    return RegressionResult(
        float(np.mean(error**2)),
        float(np.mean(np.abs(error))),
        rank_correlation(x, y),
        float(x.mean()),
        float(y.mean()),
        len(x),
    )


def rank_correlation(x: NDArray[np.floating], y: NDArray[np.floating]) -> float | None:
    """Spearman's rank correlation of two float [n]; None where either is constant."""
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else None


def _ranks(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rank of each value; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[group]
