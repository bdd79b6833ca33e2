"""A pass over training rows that counts what rates are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data import columns
from rec.data.field_settings import Statistic
from rec.data.rates import PARTS, Rates, in_time, parts_of, places
from rec.data.table import Table
from rec.data.table_settings import DataSettings
from rec.errors import UserError

_MOST_PERIODS = 1000


class RateSurvey:
    """Counts for `Rates`, some rows at a time.

    Args:
        before: those of earlier days, which these go on; the mean stays theirs, for a network was trained on it.
    """

    def __init__(self, name: str, settings: DataSettings, before: Rates | None = None) -> None:
        self._name, self._settings, self._before = name, settings, before
        self._statistic: Any = settings.columns_of[name].statistic
        self._found: list[pa.Table] = [_table_of(before)] if before else []

    def add(self, table: Table) -> None:
        """Count some training rows."""
        statistic, known = self._statistic, {**self._settings.labels, **self._settings.numbers}
        label = columns.numbers(table, known[statistic.of])
        counts = ~np.isnan(label)
        if statistic.among:
            counts &= columns.numbers(table, known[statistic.among]) == 1
        values = columns.text_column(table, self._settings.columns_of[self._name].column or self._name)
        found = {
            "value": values.cast(pa.large_string()),
            "part": _part_texts(table, statistic),
            "rows": np.ones(len(label), np.int64),
            "counts": counts.astype(np.int64),
            "sums": np.where(counts, label, 0.0),
        }
        self._take(_grouped(pa.table(found)))

    def join(self, other: RateSurvey) -> None:
        """Take what another has counted."""
        for found in other._found:
            self._take(found)

    def _take(self, found: pa.Table) -> None:
        self._found.append(found)
        if len(self._found) > 8:
            self._found = [_grouped(pa.concat_tables(self._found))]

    def rates(self) -> Rates:
        """What was counted.

        Raises:
            UserError: there are more periods than a rate by period has use for.
        """
        found = _grouped(pa.concat_tables(self._found))
        counted = float(pc.sum(found["counts"]).as_py() or 0)
        mean = float(pc.sum(found["sums"]).as_py() or 0) / max(counted, 1.0)
        mean = self._before.mean if self._before else mean
        found = found.filter(pc.not_equal(found["value"], ""))
        values = sorted(pc.unique(found["value"]).to_pylist())
        periods = sorted(pc.unique(found["part"]).to_pylist(), key=in_time) if self._statistic.by else []
        if len(periods) > _MOST_PERIODS:
            raise UserError(
                f"data.fields.{self._name}.statistic.by: column {self._statistic.by} has {len(periods):,} values: name "
                "a column of longer periods, such as the day"
            )
        parts = periods or [str(part) for part in range(PARTS)]
        value, part = (places(found[name], known) for name, known in (("value", values), ("part", parts)))
        keys = value * len(parts) + part
        order = np.argsort(keys)
        rows, counts, sums = (found[name].to_numpy()[order].tolist() for name in ("rows", "counts", "sums"))
        return Rates(mean, float(self._statistic.prior), values, periods, keys[order].tolist(), (rows, counts, sums))


def _table_of(rates: Rates) -> pa.Table:
    """What rates were made of, as it was counted."""
    value, part = np.divmod(np.array(rates.keys, np.int64), rates.parts)
    parts = rates.periods or [str(part) for part in range(PARTS)]
    texts = {"value": pa.array(rates.values, pa.large_string()).take(pa.array(value))}
    texts["part"] = pa.array(parts, pa.string()).take(pa.array(part))
    rows, counts, sums = rates.rows
    numbers = {"rows": pa.array(rows, pa.int64()), "counts": pa.array(counts, pa.int64())}
    return pa.table({**texts, **numbers, "sums": pa.array(sums, pa.float64())})


def _part_texts(table: Table, statistic: Statistic) -> pa.ChunkedArray | pa.Array:
    if statistic.by is None:
        return pa.array(parts_of(table)).cast(pa.string())
    texts = columns.text_column(table, statistic.by)
    empty = np.flatnonzero(pc.equal(texts, "").to_numpy())
    if len(empty):
        raise UserError(f"{table.where(int(empty[0]))}: column {statistic.by} is empty, and a rate is by it")
    return texts


def _grouped(table: pa.Table) -> pa.Table:
    sums = [("rows", "sum"), ("counts", "sum"), ("sums", "sum")]
    grouped = table.group_by(["value", "part"]).aggregate(sums)
    return grouped.select(["value", "part", "rows_sum", "counts_sum", "sums_sum"]).rename_columns(
        ["value", "part", "rows", "counts", "sums"]
    )
