"""Columns of times, however a file holds them, as microseconds."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data.numbers import as_numbers
from rec.data.spelling import BadValueError, is_text
from rec.data.table import Table
from rec.errors import UserError
from rec.numeric import Array
from rec.stream.log import NEVER

_SECOND = 1_000_000


def times_of(table: Table, column: str) -> Array:
    """A column's times, int64 [R]: timestamps and dates as microseconds since 1970 (UTC), numbers as seconds; NEVER
    where it is empty.

    Raises:
        UserError: a value is no time, naming file and row.
    """
    found = [np.empty(0, np.int64)]
    for piece, values in table.column(column):
        try:
            found.append(_microseconds(values))
        except BadValueError as error:
            raise UserError(f"{piece.where(error.index)}: column {column}: {error.reason}") from None
    return np.concatenate(found)


def time_of(given: str | float, setting: str) -> int:
    """A setting's time, in the same units.

    Raises:
        UserError: it is none.
    """
    try:
        return int(_microseconds(pa.array([given]))[0])
    except BadValueError:
        raise UserError(
            f"{setting}: should be a day such as '2026-05-15', a day and time, or a number of seconds, got {given!r}"
        ) from None


def _microseconds(values: pa.Array) -> Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if is_text(values.type):
        values = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)
        values = _parsed(values)
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        times = values.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        return np.asarray(pc.fill_null(times, NEVER).to_numpy(zero_copy_only=False))
    seconds = as_numbers(values)
    empty = np.isnan(seconds)
    beyond = np.abs(np.where(empty, 0.0, seconds)) > NEVER // 2 / _SECOND
    if beyond.any():
        raise BadValueError(int(np.argmax(beyond)), f"expected seconds, found {seconds[np.argmax(beyond)]:g}")
    return np.where(empty, NEVER, np.round(np.where(empty, 0.0, seconds) * _SECOND).astype(np.int64))


def _parsed(texts: pa.Array) -> pa.Array:
    """Timestamps where all texts are such; else they are left to be numbers."""
    for unit in ("us", "ns"):  # the first reaches further, the second takes what pandas writes
        try:
            return texts.cast(pa.timestamp(unit))
        except pa.ArrowException:
            continue
    return texts
