"""Which rows of the training folder are tested and validated on: by number, by a group of theirs, or by time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data.columns import text_column
from rec.data.lookup import text_hashes
from rec.data.numbers import as_numbers
from rec.data.reader import Part
from rec.data.spelling import BadValueError, is_text
from rec.data.split_settings import Split
from rec.data.table import Piece, Table
from rec.data.table_settings import DataSettings
from rec.errors import UserError
from rec.hashing import uniform
from rec.numeric import Array

_EMPTY = 0x5DEECE66D
"""What tells the numbers of rows without a group from the groups' hashes."""


def rows_of(part: Part, table: Table, settings: DataSettings) -> Array | None:
    """Whether rows of the training folder are of a part, bool [n]; None: all are, whatever they hold.

    `data.test` takes its rows, `data.valid` some of the others, and what is left is trained on. A group's rows are all
    in one part.

    Raises:
        UserError: a row has no time, or one that cannot be compared.
    """
    test, valid = settings.split("test"), settings.split("valid")
    if not {"test": test, "valid": valid, "train": test or valid}[part]:
        return None
    nothing = np.zeros(len(table), bool)
    drawn = {split.by: _drawn(table, split.by) for split in (test, valid) if split and split.share}
    if test and valid and test.share and valid.share and test.by == valid.by:  # one draw, cut in three
        place, rest = drawn[test.by], test.share + valid.share * (1.0 - test.share)
        tested, validated = place < test.share, (test.share <= place) & (place < rest)
    else:
        tested = _taken(table, test, drawn) if test else nothing
        validated = (_taken(table, valid, drawn) if valid else nothing) & ~tested
    return {"test": tested, "valid": validated, "train": ~(tested | validated)}[part]


def _taken(table: Table, split: Split, drawn: dict[str | None, Array]) -> Array:
    return drawn[split.by] < split.share if split.share else _later(table, str(split.by), split.after)


def _drawn(table: Table, column: str | None) -> Array:
    """A number in [0, 1) for each row, float64 [n], which its number or its group decides on."""
    if column is None:
        return _of_numbers(table.number)
    hashes, empty = [], []
    for chunk in text_column(table, column).chunks:
        hashes.append(text_hashes(chunk))
        empty.append(pc.equal(chunk, "").to_numpy(zero_copy_only=False))
    place = uniform(np.concatenate([np.empty(0, np.uint64), *hashes]))
    alone = np.concatenate([np.empty(0, bool), *empty])  # which are no group
    place[alone] = uniform(table.number[alone].astype(np.uint64) + np.uint64(_EMPTY))
    return place


def _of_numbers(numbers: Array) -> Array:
    mixed = (numbers.astype(np.uint64) + 1) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(31)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) / 2.0**53)


def _later(table: Table, column: str, bound: str | float | None) -> Array:
    """Whether a column's value is later, or larger, than a bound, bool [n]."""
    return np.concatenate(
        [np.empty(0, bool), *(_later_in(piece, values, column, bound) for piece, values in table.column(column))]
    )


def _later_in(piece: Piece, values: pa.Array, column: str, bound: str | float | None) -> Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    empty = np.flatnonzero(pc.is_null(values).to_numpy(zero_copy_only=False))
    if len(empty):
        raise UserError(f"{piece.where(int(empty[0]))}: column {column} is empty, and rows are split by it")
    try:
        if pa.types.is_temporal(values.type):
            later = pc.greater(values.cast(pa.timestamp("us")), pa.scalar(str(bound)).cast(pa.timestamp("us")))
        elif is_text(values.type) and isinstance(bound, str):
            later = pc.greater(pc.utf8_trim_whitespace(values), pa.scalar(bound, values.type))
        else:
            return np.asarray(as_numbers(values) > float(bound or 0))
    except BadValueError as error:
        raise UserError(f"{piece.where(error.index)}: column {column}: {error.reason}") from None
    except (pa.ArrowException, ValueError) as error:
        raise UserError(
            f"{piece.path}: column {column} ({values.type}) cannot be compared with {bound!r}: {error}"
        ) from None
    return np.asarray(later.to_numpy(zero_copy_only=False))
