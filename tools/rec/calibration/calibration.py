"""The calibration of a model: a curve for each task, and one for each value of a field where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rec.calibration.curves import CURVES, AnyCurve
from rec.config.calibration import CalibrationSettings
from rec.data.batch import Batch
from rec.errors import UserError
from rec.numeric import Array

NO_VALUE = -1
"""In place of an id, of an impression without a value in the field."""

FEW = 10
"""Rows of either label that a fit needs; with fewer its error is a third of the rate and more."""


@dataclass(frozen=True)
class TaskCalibration:
    """A task's curves.

    Attributes:
        overall: fitted to all rows.
        values: by id of the field's value, its own curve and the share that this has; the rest is the overall one's.
    """

    overall: AnyCurve
    values: Mapping[int, tuple[AnyCurve, float]] = field(default_factory=dict)

    def __call__(self, p: Array, ids: Array | None = None) -> Array:
        """float [n], and int64 [n] of `ids_of`, to float32 [n]; what is not finite stays as it is."""
        found = self.overall(p)
        for value in np.unique(ids) if ids is not None and self.values else ():
            if value in self.values:
                curve, share = self.values[value]
                rows = np.flatnonzero(ids == value)
                found[rows] = share * curve(p[rows]) + (1.0 - share) * found[rows]
        return np.where(np.isfinite(p), found, p).astype(np.float32)


@dataclass(frozen=True)
class Calibration:
    """Of the tasks by name; one that is not there stays as it is."""

    settings: CalibrationSettings
    tasks: Mapping[str, TaskCalibration]

    def __call__(self, predicted: Mapping[str, Array], batch: Batch) -> dict[str, Array]:
        """A model's outputs with each `p<task>`, [B, 1], calibrated."""
        ids = ids_of(batch, self.settings.by) if self.settings.by else None
        calibrated = dict(predicted)
        for name, task in self.tasks.items():
            p = predicted[f"p{name}"]
            calibrated[f"p{name}"] = task(p.reshape(-1), ids).reshape(p.shape)
        return calibrated


def ids_of(batch: Batch, name: str) -> Array:
    """The id of a field's value in each impression, int64 [B], `NO_VALUE` where there is none.

    Raises:
        UserError: an impression has several.
    """
    for bags in (bags.as_fields() for bags in batch.bags if name in bags.fields):
        at = bags.fields.index(name)
        begin, end = bags.offsets[at :: bags.num_field][: bags.num_row], bags.offsets[at + 1 :: bags.num_field]
        if (end - begin > 1).any():
            raise UserError(f"runner.calibration.by: {name} has several values in a row; name a field with one")
        ids = np.full(bags.num_row, NO_VALUE, np.int64)
        there = np.flatnonzero(end > begin)
        ids[there] = batch.rows[bags.positions[begin[there]]]
        return ids if bags.row_index is None else ids[bags.row_index]
    raise UserError(f"runner.calibration.by: {name} is none of the fields")


def fit(settings: CalibrationSettings, p: Array, label: Array, ids: Array | None) -> TaskCalibration:
    """A task's curves from predictions float [n], labels bool [n] and, with `by`, int64 [n] of `ids_of`.

    A value of a field has a curve of its own if it has `FEW` rows of either label.
    """
    curve = CURVES[settings.kind]
    overall, values = curve.fit(p, label), {}
    if settings.by and ids is not None:
        order = np.argsort(ids, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(ids[order])) + 1):
            if (rarer := fewer(label[rows])) >= FEW:
                own = curve.fit(p[rows], label[rows])
                values[int(ids[rows[0]])] = (own, rarer / (rarer + settings.shrinkage))
    return TaskCalibration(overall, values)


def fewer(label: Array) -> int:
    """Rows of the rarer label, bool [n]."""
    positives = int(label.sum())
    return min(positives, len(label) - positives)
