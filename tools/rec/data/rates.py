"""A value's past rate as a number (target statistics), which never holds what a row's own label says.

Training rows are dealt to PARTS by a hash of their numbers, and a row's rate is that of the other parts; or, where a
column tells the time, that of earlier periods. Rows that were not trained on see all of the training rows, or all
earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data import columns
from rec.data.lookup import Lookup
from rec.data.table import Table
from rec.data.table_settings import DataSettings
from rec.hashing import mix, uniform
from rec.numeric import Array

PARTS = 5


@dataclass(frozen=True)
class Rates:
    """What training rows say of a field's values; plain lists, for a vocabulary's file.

    Attributes:
        mean, prior: the label's mean over all rows that count, and how many rows of it each value is given.
        values: those that occur.
        periods: in their order, where there are any.
        keys: rising, one for each value and part (or period) that occur together: place of the value times the number
            of parts, plus the part.
        rows: of each key all rows, those among them that count, and the sum of the label in these.
    """

    mean: float
    prior: float
    values: list[str]
    periods: list[str]
    keys: list[int]
    rows: tuple[list[int], list[int], list[float]] = field(default_factory=lambda: ([], [], []))

    @property
    def parts(self) -> int:
        """How many parts, or periods."""
        return len(self.periods) or PARTS

    @cached_property
    def _before(self) -> tuple[Array, Array, Array]:
        """The keys, and what is counted before each of them: rows, and the sum of the label."""
        _, counts, sums = self.rows
        return np.array(self.keys, np.int64), _sums_before(counts), _sums_before(sums)

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.values)

    def __call__(self, values: pa.ChunkedArray, part: Array, training: bool) -> Array:
        """The rate of each row's value, float64 [n].

        Args:
            values: texts [n].
            part: int64 [n], of a row of training its part; where there are periods, how many came before its own.
        """
        nothing = np.empty(0, np.int32)
        place = np.concatenate([nothing, *(self._lookup.find(chunk) for chunk in values.chunks)]).astype(np.int64)
        known = place >= 0
        first = np.where(known, place, 0) * self.parts
        if self.periods:
            count, total = self._between(first, first + part)
        else:
            count, total = self._between(first, first + self.parts)
            if training:
                own, own_total = self._between(first + part, first + part + 1)
                count, total = count - own, total - own_total
        return np.asarray((np.where(known, total, 0.0) + self.prior * self.mean) / (known * count + self.prior))

    def _between(self, first: Array, end: Array) -> tuple[Array, Array]:
        """Rows that count and the sum of their label, of the keys from `first` to before `end`."""
        keys, counts, sums = self._before
        a, b = np.searchsorted(keys, first), np.searchsorted(keys, end)
        return counts[b] - counts[a], sums[b] - sums[a]

    def seen(self) -> tuple[Array, Array]:
        """The rates that training rows see, float64 [K], and of how many rows each, int64 [K]."""
        keys = np.array(self.keys, np.int64)
        texts = pa.chunked_array([pa.array(self.values, pa.string()).take(pa.array(keys // self.parts))])
        return self(texts, keys % self.parts, training=True), np.array(self.rows[0], np.int64)


def rate_column(table: Table, name: str, settings: DataSettings, rates: Rates, training: bool) -> Array:
    """A field's rates, float64 [R]; NaN where its column is empty."""
    statistic = settings.columns_of[name].statistic
    assert statistic is not None
    values = columns.text_column(table, settings.columns_of[name].column or name)
    if statistic.by:
        earlier = [in_time(period) for period in rates.periods]
        texts = columns.text_column(table, statistic.by)
        known = pc.unique(texts).to_pylist()
        before = np.array([_bisect(earlier, text) for text in known], np.int64)
        part = before[places(texts, known)]
    else:
        part = parts_of(table)
    found = rates(values, part, training)
    found[pc.equal(values, "").to_numpy()] = np.nan
    return found


def parts_of(table: Table) -> Array:
    """int64 [n], the part that each row is dealt to."""
    return np.asarray(uniform(mix(table.number)) * PARTS).astype(np.int64)


def in_time(period: str) -> tuple[float, str]:
    """By number where it is one, so that 9 comes before 10."""
    try:
        return (float(period), "")
    except ValueError:
        return (np.inf, period)


def _bisect(earlier: list[tuple[float, str]], period: str) -> int:
    own = in_time(period)
    return sum(each < own for each in earlier)


def places(texts: pa.ChunkedArray, known: list[str]) -> Array:
    return np.asarray(pc.index_in(texts, pa.array(known, texts.type)).to_numpy()).astype(np.int64)


def _sums_before(values: list[Any]) -> Array:
    return np.concatenate([[0], np.cumsum(values)])
