"""Numbers in rows that a program holds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from rec.data.raw import Row
from rec.errors import UserError
from rec.numeric import Array


def number(value: Any, name: str, row: int) -> float:
    """A value of the row-th row; NaN where it is empty."""
    try:
        return float("nan") if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"rows: row {row}: {name} should be a number, found {value!r}") from None


def whole_numbers(rows: Sequence[Row], name: str) -> tuple[Array, Array, Array | None]:
    """Where each row's values begin, int64 [R + 1], the values, uint64 [T], and their weights, if some are pairs."""
    lists = [_listed(row.get(name)) for row in rows]
    flat = list(chain.from_iterable(lists))
    if set(map(type, flat)) <= {int} and min(flat, default=0) >= 0 and max(flat, default=0) < 2**64:  # mostly
        counts = np.cumsum([0, *map(len, lists)], dtype=np.int64)
        return counts, np.array(flat, np.uint64), np.ones(len(flat), np.float32)
    starts, values, weights = [0], [], []
    for place, given in enumerate(lists, 1):
        for each in given:
            value, weight = each if isinstance(each, list | tuple) and len(each) == 2 else (each, 1.0)
            values.append(_whole(value, name, place))
            weights.append(number(weight, name, place))
        starts.append(len(values))
    return np.array(starts, np.int64), np.array(values, np.uint64), np.array(weights, np.float32)


def _listed(given: Any) -> Sequence[Any]:
    if isinstance(given, list | tuple | np.ndarray):
        return given  # type: ignore[return-value]
    return () if given is None else (given,)


def _whole(value: Any, name: str, row: int) -> int:
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 100:  # Python reads no number of thousands
        value = int(value)
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**64:
        raise UserError(f"rows: row {row}: field {name} should be a whole number of at least 0, found {value!r}")
    return int(value)
