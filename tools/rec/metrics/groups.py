"""Metrics within groups of impressions: AUC within users, and the order within requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec.kernels import groups as kernels
from rec.metrics.bootstrap import ratio_interval
from rec.metrics.estimate import Estimate, undefined, wilson
from rec.metrics.rows import Rows, run_heads
from rec.numeric import Array
from rec.parallel import cuts, parallel_map

_LEAST = 1 << 14
"""Groups that a thread sorts at least."""

_FEW = 16
"""So many groups a row, and rows are sorted by their groups rather than dealt to all of them."""


def numbered(hashes: Array) -> tuple[Array, Array]:
    """The groups of rows: of each row its group's number, int32 [n], -1 where the hash is 0; and the groups' hashes,
    uint64 [G], sorted.

    Args:
        hashes: uint64 [n], at most 2^31.
    """
    order = np.argsort(hashes)
    hashes = hashes[order]
    heads = run_heads(hashes)
    units, sizes = hashes[heads], np.diff(np.append(heads, len(hashes)))
    del hashes, heads
    none = int(len(units) > 0 and units[0] == 0)
    numbers = np.empty(len(order), np.int32)
    numbers[order] = np.repeat(np.arange(-none, len(units) - none, dtype=np.int32), sizes)
    return numbers, units[none:]


def _by_number(numbers: Array, groups: int) -> tuple[Array, Array]:
    """The rows of each group, group by group, int32 [m]; and where each begins, int64 [G + 1]."""
    if len(numbers) * _FEW < groups:  # a small part of many groups
        order = np.argsort(numbers).astype(np.int32)
        starts = np.searchsorted(numbers[order], np.arange(groups + 1))
        return order[starts[0] :], starts - starts[0]
    starts = np.zeros(groups + 1, np.int64)
    kernels.count(numbers, starts)
    np.cumsum(starts, out=starts)
    order = np.empty(starts[-1], np.int32)
    kernels.deal(numbers, starts[:-1].copy(), order)
    return order, starts


@dataclass(frozen=True)
class Groups:
    """Impressions group by group, the highest score of each first.

    Attributes:
        units: uint64 [G], the groups' hashes, sorted.
        starts: int64 [G + 1], where each begins.
        order: int32 [m], the impressions; those without a group are left out.
        scores, labels: float32 and bool [m], of these.
    """

    units: Array
    starts: Array
    order: Array
    scores: Array
    labels: Array

    @classmethod
    def of(cls, rows: Rows, key: str) -> Groups:
        """Those of a column."""
        numbers, units = rows.column(key), rows.units(key)
        order, starts = _by_number(numbers, len(units))
        kept = np.flatnonzero(np.diff(starts))
        units, starts = units[kept], np.append(starts[kept], starts[-1])
        jobs = [(order, starts, rows.scores, each.start, each.stop) for each in cuts(len(units), _LEAST)]
        parallel_map(kernels.sort_within, jobs)
        return cls(units, starts, order, rows.scores[order], rows.labels[order])

    def __len__(self) -> int:
        return len(self.units)

    def areas(self, weights: Array | None = None) -> tuple[Array, Array]:
        """Each group's AUC, NaN where a class is missing, and its weight (impressions, where none are given),
        float64 [G]."""
        area, total = np.empty(len(self)), np.empty(len(self))
        own = np.empty(0) if weights is None else weights[self.order]
        kernels.areas(self.starts, self.scores, self.labels, own, area, total)
        return area, total


def gauc(groups: Groups, weights: Array | None, n: int, seed: int) -> Estimate:
    """Mean of the groups' AUCs, weighted by their impressions (Zhu et al. 2017, Optimized Cost per Click, eq. 13).

    `more` says how many `groups` count, having both classes, of `groups_total`, and how many impressions these have
    (`n_counted`).
    """
    area, total = groups.areas(weights)
    counted = ~np.isnan(area)
    rows = int(np.diff(groups.starts)[counted].sum())
    more = {"groups": int(counted.sum()), "groups_total": len(groups), "n_counted": rows}
    if not counted.any():
        return undefined(n, more)
    area, total = area[counted], total[counted]
    low, high = ratio_interval(area * total, total, groups.units[counted], seed) or (None, None)
    return Estimate(float(area @ total / total.sum()), low, high, n, more)


def ndcg(groups: Groups, at: int, n: int, seed: int) -> Estimate:
    """Mean over requests of the NDCG of the first `at` (Jarvelin and Kekalainen 2002), whose gains are 0 and 1."""
    deepest = min(at, int(np.diff(groups.starts).max(initial=0)))
    discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(deepest) + 2.0))])
    found = np.empty(len(groups))
    kernels.gains(groups.starts, groups.scores, groups.labels, at, discounts, found)
    return _mean(groups, found, n, seed)


def mrr(groups: Groups, n: int, seed: int) -> Estimate:
    """Mean over requests of the reciprocal rank of the first positive."""
    return _mean(groups, _first_positive(groups, 0)[0], n, seed)


def hit_rate(groups: Groups, at: int, n: int) -> Estimate:
    """Share of the requests whose first `at` hold a positive, with Wilson's interval."""
    found = _first_positive(groups, at)[1]
    counted = found[~np.isnan(found)]
    more = {"groups": len(counted), "groups_total": len(groups)}
    if not len(counted):
        return undefined(n, more)
    value = float(np.mean(counted))
    return Estimate(value, *wilson(value, len(counted)), n, more)


def _first_positive(groups: Groups, at: int) -> tuple[Array, Array]:
    reciprocal, hit = np.empty(len(groups)), np.empty(len(groups))
    kernels.first_positive(groups.starts, groups.scores, groups.labels, at, reciprocal, hit)
    return reciprocal, hit


def _mean(groups: Groups, found: Array, n: int, seed: int) -> Estimate:
    """Over the requests that have a positive."""
    counted = ~np.isnan(found)
    values, more = found[counted], {"groups": int(counted.sum()), "groups_total": len(groups)}
    if not len(values):
        return undefined(n, more)
    low, high = ratio_interval(values, np.ones(len(values)), groups.units[counted], seed) or (None, None)
    return Estimate(float(np.mean(values)), low, high, n, more)
