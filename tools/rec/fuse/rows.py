"""Rows of requests: what a formula may use of them, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.config.suggest import did_you_mean
from rec.console import log
from rec.errors import UserError
from rec.numeric import Array

CLICKS, ORDERS, GMV = "clicks", "orders", "gmv"


@dataclass(frozen=True)
class Names:
    """Columns of the predictions.

    Attributes:
        request: rows of one value are one request's.
        click, order: labels.
        price: what an order brings; None: not known, so that GMV is not counted.
        day: None: not known.
        terms: of the formula; none: found.
    """

    request: str
    click: str
    order: str
    price: str | None = None
    day: str | None = None
    terms: Sequence[str] = ()


@dataclass(frozen=True)
class Rows:
    """Rows by request, in random order within each: rows of equal score have no order of their own.

    Attributes:
        starts: int64 [R + 1], where requests begin.
        terms: float64 [n] each, by name.
        gains: by objective what a row brings if it is seen, float64 [n].
        days: of each request, [R]; None: not known.
    """

    starts: Array
    terms: dict[str, Array]
    gains: dict[str, Array]
    days: Array | None

    @property
    def num_request(self) -> int:
        """R."""
        return len(self.starts) - 1

    @property
    def request(self) -> Array:
        """The number of each row's request, int64 [n]."""
        return np.repeat(np.arange(self.num_request), np.diff(self.starts))

    def take(self, requests: Array) -> Rows:
        """Some requests, by a mask, bool [R]."""
        sizes = np.diff(self.starts)
        rows = np.repeat(requests, sizes)
        return Rows(
            np.concatenate([[0], np.cumsum(sizes[requests])]),
            {name: values[rows] for name, values in self.terms.items()},
            {name: values[rows] for name, values in self.gains.items()},
            None if self.days is None else self.days[requests],
        )

    def halves(self, held_out: float, seed: int) -> tuple[Rows, Rows]:
        """Requests to fit on and, a share of all, held-out ones, by chance."""
        order = np.random.default_rng([seed, 1]).permutation(self.num_request)
        judged = np.zeros(self.num_request, bool)
        judged[order[: min(max(1, round(held_out * self.num_request)), self.num_request - 1)]] = True
        return self.take(~judged), self.take(judged)


def rows_of(table: pa.Table, names: Names, seed: int) -> Rows:
    """The rows of predictions whose labels are known, in requests of two rows and more.

    Raises:
        UserError: a column is missing or empty, or there are no such requests.
    """
    terms = list(names.terms) or _found_terms(table, names.price)
    for column in (names.request, names.click, names.order, names.price, names.day, *terms):
        if column is not None and column not in table.column_names:
            raise UserError(
                f"the predictions have no column {column}{did_you_mean(column, table.column_names)}: data.keep passes "
                "columns of a table on to them, and --columns reads a file of more, by sample_id"
            )
        if column in (names.click, names.order) and column in terms:
            raise UserError(f"{column} is a label, which nobody knows when rows are ranked: it can be no term")
    given = table[names.request]
    if empty := _empty(given):
        raise UserError(f"column {names.request} is empty in {empty:,} rows, which belong to no request")
    request = np.asarray(given.combine_chunks().dictionary_encode().indices)
    click, order = numbers(table, names.click), numbers(table, names.order)
    for name, label in ((names.click, click), (names.order, order)):
        if (label < 0).any():
            raise UserError(f"column {name} should be 0 where it did not happen, found {np.nanmin(label):g}")
    known = ~(np.isnan(click) | np.isnan(order))
    if not known.all():
        log.warning("%d rows whose %s or %s is not known are left out", (~known).sum(), names.click, names.order)
    sizes = np.bincount(request[known], minlength=int(request.max(initial=0)) + 1)
    kept = np.flatnonzero(known & (sizes[request] > 1))
    log.info("%d requests of two rows and more; %d rows alone in theirs", (sizes > 1).sum(), (sizes == 1).sum())
    if (sizes > 1).sum() < 2:
        raise UserError(
            f"by {names.request} there are fewer than two requests of several rows: nothing is to be ranked"
        )
    places = kept[np.random.default_rng([seed, 0]).permutation(len(kept))]
    places = places[np.argsort(request[places], kind="stable")]
    starts = np.concatenate([[0], np.cumsum(sizes[sizes > 1])])
    gains = {CLICKS: click[places], ORDERS: order[places]}
    if names.price is not None:
        price = np.nan_to_num(numbers(table, names.price)[places])
        if (price < 0).any():
            raise UserError(f"column {names.price} should be at least 0, found {price.min():g}")
        gains[GMV] = order[places] * price
    days = None
    if names.day is not None:
        texts = pc.fill_null(table[names.day].cast(pa.string()), "(empty)")
        days = np.asarray(texts.to_pylist(), object)[places[starts[:-1]]]
    return Rows(starts, {name: _term(table, name, names.price)[places] for name in terms}, gains, days)


def _empty(values: pa.ChunkedArray) -> int:
    """Rows without a value: null, "" or NaN."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_floating(values.type):
        return int(pc.sum(pc.fill_null(pc.is_nan(values), True)).as_py() or 0)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return int(pc.sum(pc.fill_null(pc.equal(values, ""), True)).as_py() or 0)
    return int(values.null_count)


def _term(table: pa.Table, name: str, price: str | None) -> Array:
    """A term; a price may be empty in some rows, a prediction in none."""
    values = numbers(table, name)
    absent = np.isnan(values)
    if absent.all() or (absent.any() and name != price and np.nanmax(values) <= 1.0):
        raise UserError(f"column {name} is empty in {absent.sum():,} of {len(values):,} rows: no term of a formula")
    return values


def numbers(table: pa.Table, name: str) -> Array:
    """A column as float64 [n]; NaN where it is empty.

    Raises:
        UserError: it holds something else.
    """
    try:
        return pc.fill_null(table[name].cast(pa.float64()), float("nan")).to_numpy()
    except pa.ArrowException:
        raise UserError(f"column {name} should be numbers, is {table[name].type}") from None


def _found_terms(table: pa.Table, price: str | None) -> list[str]:
    """pctr and pcvr, of each model where there are several, and the price."""
    found = [name for name in table.column_names if name.split(".")[-1] in ("pctr", "pcvr")]
    found = [name for name in found if "." in name] or found
    if not found:
        raise UserError("the predictions have no pctr and pcvr: --terms names the columns of the formula")
    return [*found, *([price] if price else [])]
