"""Items by how often they are clicked and how often a click converts: which deserve more impressions than they get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rec.config.metrics import Column
from rec.data.by import NEW
from rec.evidence.scored import Scored
from rec.evidence.shrinkage import Prior, fit
from rec.metrics.task import Task
from rec.numeric import Array

CERTAIN = 0.7
"""How probable it must be that an item's rate is above the average for it to be called underrated; of two rates, on
geometric average."""


@dataclass(frozen=True)
class Rate:
    """A task's rate of each of n items.

    Attributes:
        task: whose.
        successes, trials: int64 [n].
        predicted: mean prediction over the same trials, float64 [n]; NaN where there is none.
        overall: successes over trials of all items.
        prior: what is usual.
    """

    task: Task
    successes: Array
    trials: Array
    predicted: Array
    overall: float
    prior: Prior

    @property
    def shrunk(self) -> Array:
        """float64 [n]."""
        return self.prior.rates(self.successes, self.trials)

    @property
    def raw(self) -> Array:
        """Successes over trials, float64 [n]; 0 where there is none."""
        return self.successes / np.maximum(self.trials, 1)

    @property
    def certainty(self) -> Array:
        """The probability that an item's rate is above the average one, float64 [n]."""
        return self.prior.above(self.overall, self.successes, self.trials)


@dataclass(frozen=True)
class Quadrants:
    """n items of the test rows.

    Attributes:
        names: of each.
        impressions: int64 [n].
        new: bool [n], whether training has not seen it.
        first, second: the rates that part them; `second` is None where the model has one task.
    """

    names: Sequence[str]
    impressions: Array
    new: Array
    first: Rate
    second: Rate | None

    @property
    def rates(self) -> list[Rate]:
        """One or both."""
        return [self.first] if self.second is None else [self.first, self.second]

    @property
    def few(self) -> float:
        """Impressions below which a known item has few: those that each would have if all had the same."""
        known = self.impressions[~self.new]
        return float(np.mean(known)) if len(known) else 0.0

    @property
    def product(self) -> Array:
        """Shrunk rates multiplied, float64 [n]: what an impression is worth."""
        return np.prod([rate.shrunk for rate in self.rates], axis=0)

    def high(self, rate: Rate) -> Array:
        """Whether an item's shrunk rate is above the average impression's, bool [n]."""
        return rate.shrunk > rate.overall

    @property
    def underrated(self) -> Array:
        """Numbers of known items with few impressions whose rates are probably above the average, the best first."""
        chosen = np.flatnonzero(
            (self.certainty >= CERTAIN ** len(self.rates)) & ~self.new & (self.impressions < self.few)
        )
        return chosen[np.argsort(-self.product[chosen], kind="stable")]

    @property
    def certainty(self) -> Array:
        """The probability that all of an item's rates are above the average ones, float64 [n]."""
        return np.prod([rate.certainty for rate in self.rates], axis=0)


def quadrants(scored: Scored, item: str, is_new: str | None, seen: frozenset[str] | None) -> Quadrants | None:
    """Of the items in the test rows; None where no two items differ in what happened, or the tasks tell no rates.

    Args:
        item: the field of items.
        is_new: the column that says whether training has seen a row's item.
        seen: the items that it has seen, where no column says so; None: nobody knows.
    """
    column = Column(item, "value")
    tasks = parting(scored.tasks)
    if not tasks or not scored.has(column):
        return None
    names = scored.names[column.key].texts.to_pylist()
    codes = scored.columns[column.key]
    new = _new(scored, codes, names, is_new, seen)
    named = np.array([bool(name) for name in names])
    rates = [_rate(scored, task, codes, len(names), named & ~new) for task in tasks]
    if rates[0] is None:
        return None
    impressions = np.bincount(codes, minlength=len(names))
    kept = np.flatnonzero(named & (impressions > 0))
    first, second = rates[0], rates[1] if len(rates) > 1 else None
    return Quadrants(
        [names[at] for at in kept], impressions[kept], new[kept], _taken(first, kept),
        None if second is None else _taken(second, kept),
    )  # fmt: skip


def parting(tasks: Sequence[Task]) -> list[Task]:
    """The tasks whose rates part items: a probability over all impressions and the first that is judged after it, such
    as ctr and cvr; where there is none, the first two over all impressions."""
    binary = [task for task in tasks if task.kind == "binary"]
    whole = [task for task in binary if not task.among]
    for after in (task for task in binary if task.among):
        for before in (task for task in whole if task.label == after.among):
            return [before, after]
    return whole[:2]


def _new(scored: Scored, codes: Array, names: Sequence[str], is_new: str | None, seen: frozenset[str] | None) -> Array:
    """bool [items]."""
    if seen is not None:
        return np.array([bool(name) and name not in seen for name in names])
    if is_new is None:
        return np.zeros(len(names), bool)
    key = Column(is_new, "value").key
    texts = scored.names[key].texts.to_pylist()
    found = np.zeros(len(names), bool)
    if NEW in texts:
        found[codes[scored.columns[key] == texts.index(NEW)]] = True
    return found


def _rate(scored: Scored, task: Task, codes: Array, items: int, usual: Array) -> Rate | None:
    """Of all items; what is usual is that of those in `usual`, bool [items]."""
    index = scored.index(task)
    trials = np.bincount(codes[index], minlength=items)
    successes = np.bincount(codes[index], scored.labels[task.label][index], items).astype(np.int64)
    prior = fit(successes[usual & (trials > 0)], trials[usual & (trials > 0)])
    if prior is None:
        return None
    sums = np.bincount(codes[index], scored.predicted[task.name][index].astype(np.float64), items)
    with np.errstate(invalid="ignore"):
        predicted = sums / trials
    return Rate(task, successes, trials, predicted, float(successes.sum() / trials.sum()), prior)


def _taken(rate: Rate, kept: Array) -> Rate:
    return Rate(rate.task, rate.successes[kept], rate.trials[kept], rate.predicted[kept], rate.overall, rate.prior)
