"""Rows that a program holds, as mappings, in place of a table's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rec.data.spelling import BadValueError, canonical
from rec.data.table import Piece, Table
from rec.data.tables.source import without_null_words
from rec.errors import UserError

Row = Mapping[str, Any]
"""Raw values by column; a list where there are several. What is not there, or None, is empty."""


def as_table(rows: Sequence[Row], names: Iterable[str], null_words: Sequence[str] = ()) -> Table:
    """The columns of some rows; a text that is one of `null_words` is empty, as it is in a table's files.

    Raises:
        UserError: a value is none that a column may hold, such as a mapping.
    """
    columns = {name: _column([row.get(name) for row in rows], name) for name in names}
    arrays = list(columns.values()) or [pa.nulls(len(rows))]
    table = without_null_words(pa.table(arrays, list(columns) or ["nothing"]), null_words)
    batch = pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], table.column_names)
    number = np.arange(len(rows))
    types: dict[str, tuple[str, ...]] = {name: (str(array.type),) for name, array in columns.items()}
    return Table((Piece("rows", number, batch),), number, {"rows": len(rows)}, types)


def _column(values: list[Any], name: str) -> pa.Array:
    try:
        found = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        found = _in_texts(values, name)
    # A column of nothing at all has no type.
    return found.cast(pa.string()) if pa.types.is_null(found.type) else found


def _in_texts(values: list[Any], name: str) -> pa.Array:
    """A column of several types."""
    texts = [_spelled(value, name, row) for row, value in enumerate(values)]
    try:
        return pa.array(texts)
    except pa.ArrowException:
        single = next(row for row, text in enumerate(texts) if isinstance(text, str))
        raise UserError(
            f"rows: row {single + 1}: column {name} holds a single value, and lists elsewhere: give [value]"
        ) from None


def _spelled(value: Any, name: str, row: int) -> Any:
    """A value of a column of several types, each as a text, which is how a table's values are told apart."""
    if value is None:
        return None
    if isinstance(value, list | tuple | set | np.ndarray):
        return [_spelled(each, name, row) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):  # of any size
        return str(value)
    try:
        return canonical(pa.array([value]), name)[0].as_py()
    except BadValueError as error:
        raise UserError(f"rows: row {row + 1}: column {name}: {error}") from None
    except (pa.ArrowException, UserError, TypeError, UnicodeEncodeError):  # half of a character is no text
        raise UserError(f"rows: row {row + 1}: column {name} cannot hold {value!r}") from None
