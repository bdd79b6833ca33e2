"""What a metric came to, and how far it can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from rec.metrics.auc import Z_95


@dataclass(frozen=True)
class Estimate:
    """A metric over some impressions.

    Attributes:
        value: None where these cannot tell it.
        low, high: its 95 % interval; None where they cannot tell that.
        n: how many impressions it is over.
        more: what else there is to say, by name, as JSON takes it.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, **self.more}


Estimates: TypeAlias = dict[str, dict[str, Estimate]]
"""By task and metric."""


def as_dicts(estimates: Estimates) -> dict[str, dict[str, dict[str, Any]]]:
    """Ready for JSON."""
    return {task: {name: each.as_dict() for name, each in found.items()} for task, found in estimates.items()}


def undefined(n: int, more: Mapping[str, Any] = MappingProxyType({})) -> Estimate:
    """What `n` impressions cannot tell."""
    return Estimate(None, None, None, n, more)


def around(value: float, error: float | None, n: int, more: Mapping[str, Any], least: float = -math.inf) -> Estimate:
    """The normal interval of an estimate with a standard error, none of it below `least`; None: no error is known."""
    if error is None:
        return Estimate(value, None, None, n, more)
    return Estimate(value, max(least, value - Z_95 * error), value + Z_95 * error, n, more)


def around_log(value: float, error: float | None, n: int, more: Mapping[str, Any]) -> Estimate:
    """The same of a positive one, the standard error being that of its logarithm."""
    if error is None or value <= 0:
        return Estimate(value, None, None, n, more)
    return Estimate(value, value * math.exp(-Z_95 * error), value * math.exp(Z_95 * error), n, more)


def wilson(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a probability that was met in a `share` of `n` > 0 trials (Wilson 1927).

    `n` need not be a whole number: weighted trials count for (sum of weights)^2 / sum of squared weights.
    """
    z2 = Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
