"""The curves from a predicted probability to a calibrated one: Platt's and isotonic regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from rec.numeric import Array

SMALLEST, LARGEST = 1e-30, 1.0 - 2.0**-18
"""Between these a probability is taken to be: nearer to 1 a float32 tells the odds by a few digits of two."""

_GRID = 0.01
_STEPS, _PRECISION = 100, 1e-12


class Curve(Protocol):
    """A map from probabilities to probabilities that never falls."""

    def __call__(self, p: Array) -> Array:
        """float [n] to float64 [n]."""

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers by name, ready for JSON."""


@dataclass(frozen=True)
class Platt:
    """sigmoid(slope * logit p + offset) (Platt, 1999)."""

    slope: float
    offset: float

    def __call__(self, p: Array) -> Array:
        return _sigmoid(self.slope * logit(p) + self.offset)

    def as_dict(self) -> dict[str, Any]:
        return {"slope": self.slope, "offset": self.offset}

    @staticmethod
    def of(values: Mapping[str, Any]) -> Platt:
        """The curve of an `as_dict`."""
        return Platt(float(values["slope"]), float(values["offset"]))

    @staticmethod
    def fit(p: Array, label: Array) -> Platt:
        """Maximum likelihood for targets of (N1 + 1) / (N1 + 2) and 1 / (N0 + 2) in place of 1 and 0, N1 and N0 rows of
        either label: so there is one also where the two do not overlap. `p` float [n], `label` bool [n]."""
        positives = int(label.sum())
        target = np.where(label, (positives + 1) / (positives + 2), 1 / (len(label) - positives + 2))
        slope, offset = logistic_line(logit(p), target)
        return Platt(slope, offset) if slope > 0 else Platt(0.0, float(logit(target.mean())))


@dataclass(frozen=True)
class Isotonic:
    """Linear between points, x float [k] rising and y float [k] not falling, and constant outside of them."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def __call__(self, p: Array) -> Array:
        return np.interp(np.asarray(p, np.float64), self.x, self.y)

    def as_dict(self) -> dict[str, Any]:
        return {"x": list(self.x), "y": list(self.y)}

    @staticmethod
    def of(values: Mapping[str, Any]) -> Isotonic:
        """The curve of an `as_dict`."""
        return Isotonic(tuple(map(float, values["x"])), tuple(map(float, values["y"])))

    @staticmethod
    def fit(p: Array, label: Array) -> Isotonic:
        """The curve with the least squared error on float [n], as `on_grid` has them, and bool [n], kept off 0 and 1 by
        1 / (n + 2): that many rows cannot tell that something never happens."""
        x, y = isotonic_points(on_grid(p), label)
        edge = 1.0 / (len(label) + 2)
        return Isotonic(tuple(x.tolist()), tuple(np.clip(y, edge, 1.0 - edge).tolist()))


AnyCurve: TypeAlias = Platt | Isotonic

CURVES: Mapping[str, type[Platt] | type[Isotonic]] = {"platt": Platt, "isotonic": Isotonic}


def logit(p: Any) -> Array:
    """log p - log(1 - p), float64."""
    p = np.clip(np.asarray(p, np.float64), SMALLEST, LARGEST)
    return np.asarray(np.log(p) - np.log1p(-p))


def on_grid(p: Array) -> Array:
    """Probabilities whose logits are multiples of 0.01, the nearest to float [n]; float64 [n].

    A curve between points that are a last digit apart would be so steep that a prediction's last digit decides.
    """
    return _sigmoid(np.round(logit(p) / _GRID) * _GRID)


def _sigmoid(z: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -700.0, 700.0))))


def logistic_line(x: Array, target: Array) -> tuple[float, float]:
    """Slope and offset that minimise the log loss of sigmoid(slope * x + offset), x and targets float [n], by Newton's
    method with steps that are halved until the loss falls."""
    shift, scale = float(x.mean()), float(x.std()) or 1.0
    rows = np.stack([(x - shift) / scale, np.ones_like(x)], axis=1)
    line, loss = np.zeros(2), np.inf
    for _ in range(_STEPS):
        p = _sigmoid(rows @ line)
        slope = rows.T @ (p - target)
        curvature = (rows * (p * (1.0 - p))[:, None]).T @ rows + 1e-12 * np.eye(2)
        step, size = np.linalg.solve(curvature, slope), 1.0
        while (next_loss := _loss(rows @ (line - size * step), target)) > loss and size > 1e-10:
            size /= 2
        line, before, loss = line - size * step, loss, next_loss
        if np.abs(size * step).max() < _PRECISION or before == loss:
            break
    return float(line[0] / scale), float(line[1] - line[0] * shift / scale)


def _loss(z: Array, target: Array) -> float:
    return float((np.logaddexp(0.0, z) - target * z).sum())


def isotonic_points(p: Array, label: Array) -> tuple[Array, Array]:
    """The corners of the isotonic regression of bool [n] on float [n]: x rising and y not falling, float64 [k] each.

    Rows of one p count as one of their mean.
    """
    from scipy.optimize import isotonic_regression  # its import takes longer than what applies the curve

    x, place, count = np.unique(np.asarray(p, np.float64), return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=label) / count
    y = isotonic_regression(mean, weights=count).x
    inner = np.zeros(len(y), np.bool_)
    inner[1:-1] = (y[1:-1] == y[:-2]) & (y[1:-1] == y[2:])
    return x[~inner], y[~inner]
