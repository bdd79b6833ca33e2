"""Every metric that a config asks for, computed of a task's impressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from rec.config.metrics import Column, Metric
from rec.metrics import moments
from rec.metrics.estimate import Estimate, undefined
from rec.metrics.groups import Groups, gauc, hit_rate, mrr, ndcg
from rec.metrics.reliability import ece
from rec.metrics.rows import Rows
from rec.metrics.weighted_auc import auc_of
from rec.metrics.xauc import xauc
from rec.numeric import Array

_OF_SUMS: Mapping[str, Callable[[Any], Estimate]] = {
    "logloss": moments.logloss,
    "normalized_entropy": moments.normalized_entropy,
    "calibration": moments.calibration,
    "mae": moments.mae,
    "rmse": moments.rmse,
}

_OF_ROWS: Mapping[str, Callable[[Rows, Array | None, Any], Estimate]] = {
    "auc": lambda rows, weights, _: auc_of(rows, weights),
    "ece": ece,
    "xauc": lambda rows, *_: xauc(rows),
}

_OF_GROUPS: Mapping[str, Callable[[Groups, Array | None, int, int, int], Estimate]] = {
    "gauc": lambda groups, weights, at, n, seed: gauc(groups, weights, n, seed),
    "ndcg": lambda groups, weights, at, n, seed: ndcg(groups, at, n, seed),
    "mrr": lambda groups, weights, at, n, seed: mrr(groups, n, seed),
    "hit_rate": lambda groups, weights, at, n, seed: hit_rate(groups, at, n),
}


def judge(rows: Rows, metrics: Sequence[Metric], seed: int) -> dict[str, Estimate]:
    """The metrics by name, in their order; `seed` is of bootstraps.

    Metrics of the same weights, and those of the same groups, share the work that they have in common.
    """
    found: dict[str, Estimate] = {}
    for weight, same in _together(metrics, lambda metric: metric.weight):
        weights = rows.column(weight.key) if weight else None
        if not len(rows) or (weights is not None and not weights.any()):
            found |= {metric.name: undefined(len(rows)) for metric in same}
            continue
        for by, own in _together(same, lambda metric: metric.by):
            found |= dict(_of_groups(rows, weights, by, own, seed) if by else _of_rows(rows, weights, own))
    positives = {"positives": int(np.count_nonzero(rows.labels))}
    return {
        metric.name: replace(each, more={**positives, **each.more}) if metric.of == "binary" else each
        for metric in metrics
        for each in [found[metric.name]]
    }


def _of_groups(
    rows: Rows, weights: Array | None, by: Column, metrics: Sequence[Metric], seed: int
) -> Iterator[tuple[str, Estimate]]:
    groups = Groups.of(rows, by.key)
    for metric in metrics:
        yield metric.name, _OF_GROUPS[metric.kind](groups, weights, metric.at, len(rows), seed)


def _of_rows(rows: Rows, weights: Array | None, metrics: Sequence[Metric]) -> Iterator[tuple[str, Estimate]]:
    sums: moments.Moments | None = None
    for metric in metrics:
        if metric.kind in _OF_ROWS:
            yield metric.name, _OF_ROWS[metric.kind](rows, weights, metric.options)
            continue
        if sums is None:
            of = moments.binary_moments if metric.of == "binary" else moments.number_moments
            sums = of(rows, weights)
        yield metric.name, _OF_SUMS[metric.kind](sums)


def _together(
    metrics: Sequence[Metric], column: Callable[[Metric], Column | None]
) -> Iterator[tuple[Column | None, list[Metric]]]:
    """The metrics by a column of theirs, those without one first."""

    def name(metric: Metric) -> str:
        found = column(metric)
        return found.name if found else ""

    for _, same in groupby(sorted(metrics, key=name), name):
        own = list(same)
        yield column(own[0]), own
