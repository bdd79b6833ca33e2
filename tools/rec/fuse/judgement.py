"""What formulas are worth on requests that they were not fitted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rec.fuse.bootstrap import Interval, interval, resampled
from rec.fuse.formula import Formula
from rec.fuse.measure import Judge, Shares
from rec.fuse.rows import CLICKS, GMV, Rows

Scores = Mapping[str, Formula]
"""Formulas by what they are called."""


@dataclass(frozen=True)
class Comparison:
    """An objective of a formula beside others.

    Attributes:
        own: of the formula.
        others: by name each other's.
        gains: by name what the formula has more than it, of the same samples.
    """

    own: Interval
    others: dict[str, Interval]
    gains: dict[str, Interval]


def compare(rows: Rows, k: int, formula: Formula, others: Scores, seed: int) -> dict[str, Comparison]:
    """By objective, a formula beside others on the same requests."""
    judge = Judge(rows, k)
    judged = [judge(each.score(rows.terms)) for each in (formula, *others.values())]
    found = {}
    for objective in rows.gains:
        values, samples = _of(judged, objective, seed)
        each = [interval(value, samples[:, at]) for at, value in enumerate(values)]
        gains = [interval(values[0] - values[at], samples[:, 0] - samples[:, at]) for at in range(1, len(values))]
        named = zip(others, each[1:], gains, strict=True)
        found[objective] = Comparison(each[0], {}, {})
        for name, own, gain in named:
            found[objective].others[name], found[objective].gains[name] = own, gain
    return found


def by_day(rows: Rows, k: int, formula: Formula, other: Formula, seed: int) -> dict[str, dict[str, Interval]]:
    """By day what a formula has more than another in each objective."""
    found = {}
    for day in sorted(set(rows.days)) if rows.days is not None else ():
        part = rows.take(rows.days == day)
        compared = compare(part, k, formula, {"other": other}, seed)
        found[str(day)] = {objective: one.gains["other"] for objective, one in compared.items()}
    return found


def along(rows: Rows, k: int, formulas: Sequence[Formula], seed: int) -> list[dict[str, Interval]]:
    """Clicks and GMV of each of some formulas."""
    judge = Judge(rows, k)
    judged = [judge(each.score(rows.terms)) for each in formulas]
    found: list[dict[str, Interval]] = [{} for _ in formulas]
    for objective in (CLICKS, GMV):
        values, samples = _of(judged, objective, seed)
        for at, value in enumerate(values):
            found[at][objective] = interval(value, samples[:, at])
    return found


def _of(judged: Sequence[Mapping[str, Shares]], objective: str, seed: int) -> tuple[list[float], np.ndarray]:
    each = [one[objective] for one in judged]
    return [one.value for one in each], resampled(each, seed)
