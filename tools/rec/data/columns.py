"""Columns of a user's table as lists of texts, numbers and labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.config.behaviours import LabelKind
from rec.data.field_settings import FieldColumn
from rec.data.label_values import EXPECTED, odd_values
from rec.data.numbers import as_numbers
from rec.data.pairs import halves
from rec.data.spelling import BadValueError, as_text, canonical
from rec.data.table import Piece, Table
from rec.errors import UserError
from rec.numeric import Array


def lists_of_text(
    table: Table, name: str, field: FieldColumn, edges: list[float] | None
) -> tuple[Array, pa.ChunkedArray]:
    """A field's values: where each row's begin, int64 [R + 1], and all of them as strings in one spelling.

    That is `canonical`'s. Nulls and empty texts are none. `edges` are the bounds of a bucketed field, whose values are
    its buckets.

    Raises:
        UserError: a value that can be no category, naming file and row.
    """
    counts, texts = [np.zeros(1, np.int64)], []
    for lengths, spelled, present in _values(table, name, field, edges):
        counts.append(_kept(lengths, present))
        texts.append(spelled.filter(pa.array(present)))
    return np.cumsum(np.concatenate(counts)), pa.chunked_array(texts, pa.string())


def _values(
    table: Table, name: str, field: FieldColumn, edges: list[float] | None
) -> Iterator[tuple[Array, pa.Array, Array]]:
    """By pieces: how many places for a value each row has, int64 [n], what stands there, and where a value does."""
    column = field.column or name
    for piece, values in table.column(column):
        with _placed(piece, column):
            lengths, tokens = _lists(values if edges is None else _bucket(values, edges), field, column)
        with _placed(piece, column, lengths):
            spelled = canonical(halves(tokens, field.pairs, column)[0] if field.pairs else tokens, column)
        present = pc.fill_null(pc.not_equal(spelled, ""), False)
        yield lengths, spelled, present.to_numpy(zero_copy_only=False)


def lists_of_weights(table: Table, name: str, field: FieldColumn, edges: list[float] | None) -> Array:
    """float32 [T] weights of a field's values, as `lists_of_text` has them.

    Raises:
        UserError: a row has another number of weights than of values, or has them in other places; or one is no number.
    """
    if field.pairs:
        return _weights_of_pairs(table, name, field)
    column = str(field.weights)
    nothing = np.empty(0, np.int64)
    lengths, found, weights = [nothing], [nothing], [np.empty(0)]
    for piece, values in table.column(column):
        with _placed(piece, column):
            each, tokens = _lists(values, field, column)
        with _placed(piece, column, each):
            numbers = as_numbers(tokens)
            odd = np.flatnonzero(np.isinf(_float32(numbers)))
            if len(odd):
                raise BadValueError(int(odd[0]), f"expected finite weights, found {numbers[odd[0]]:g}")
        lengths.append(each)
        found.append(_kept(each, ~np.isnan(numbers)))
        weights.append(numbers)
    own, all_weights = np.concatenate(lengths), np.concatenate(weights)
    there = ~np.isnan(all_weights)
    places, expected, present = [nothing], [nothing], [np.empty(0, bool)]
    for each, _, mask in _values(table, name, field, edges):
        places.append(each)
        expected.append(_kept(each, mask))
        present.append(mask)
    _check_weights(table, column, np.concatenate(found), np.concatenate(expected))
    # Where a row has as many places for weights as for values, a weight stands where its value does.
    room = np.concatenate(places)
    alike = room == own
    row_of = np.repeat(np.arange(len(own)), own)[np.repeat(alike, own)]
    for row in row_of[there[np.repeat(alike, own)] != np.concatenate(present)[np.repeat(alike, room)]].tolist():
        raise UserError(f"{table.where(row)}: column {column} has its weights in other places than the values are")
    return _float32(all_weights[there])


def _weights_of_pairs(table: Table, name: str, field: FieldColumn) -> Array:
    column, found = field.column or name, [np.empty(0, np.float32)]
    for piece, values in table.column(column):
        lengths, tokens = _lists(values, field, column)
        with _placed(piece, column, lengths):
            texts, weights = halves(tokens, str(field.pairs), column)
            numbers = _float32(as_numbers(weights))
            present = pc.fill_null(pc.not_equal(canonical(texts, column), ""), False).to_numpy(zero_copy_only=False)
            odd = np.flatnonzero(present & ~np.isfinite(numbers))
            if len(odd):
                raise BadValueError(int(odd[0]), f"expected a finite weight, found {tokens[int(odd[0])].as_py()!r}")
        found.append(numbers[present])
    return np.concatenate(found)


def _check_weights(table: Table, column: str, found: Array, expected: Array) -> None:
    for row in np.flatnonzero(found != expected).tolist():
        raise UserError(
            f"{table.where(row)}: column {column} has another number of weights than there are values: "
            f"{found[row]} for {expected[row]}"
        )


def label_column(table: Table, column: str, kind: LabelKind) -> Array:
    """A label as float32 [R]; NaN where it is empty.

    Raises:
        UserError: a value is none of the kind, or so large that a float32 cannot hold it.
    """
    given = numbers(table, column)
    values = _float32(given)
    for row in odd_values(values, kind).tolist():
        more = ": a label that is any number belongs to data.numbers" if kind == "binary" else ""
        raise UserError(
            f"{table.where(row)}: label column {column} should be {EXPECTED[kind]}, found {given[row]:g}{more}"
        )
    return values


def text_column(table: Table, column: str) -> pa.ChunkedArray:
    """A column's values in one spelling, strings [R]; null is ""."""
    texts = []
    for piece, values in table.column(column):
        with _placed(piece, column):
            if pa.types.is_nested(values.type):
                raise UserError(f"column {column} holds {values.type}, expected one value in a row")
            texts.append(pc.fill_null(canonical(values, column), ""))
    return pa.chunked_array(texts, pa.string())


def _float32(numbers: Array) -> Array:
    """Infinite where a number is too large."""
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32)


def numbers(table: Table, column: str) -> Array:
    """A column of numbers, float64 [R]; NaN where it is empty."""
    parts = [np.empty(0)]
    for piece, values in table.column(column):
        with _placed(piece, column):
            parts.append(as_numbers(values))
    return np.concatenate(parts)


def _lists(values: pa.Array, field: FieldColumn, column: str) -> tuple[Array, pa.Array]:
    """How many values each row has, int64 [n], and all of them."""
    if field.separator and not pa.types.is_nested(values.type):
        values = pc.split_pattern(as_text(values, column), field.separator)
    kind = values.type
    if not pa.types.is_nested(kind) or pa.types.is_struct(kind) or pa.types.is_map(kind):
        return np.ones(len(values), np.int64), values
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    return lengths.astype(np.int64), values.flatten()


def _kept(lengths: Array, kept: Array) -> Array:
    """How many values each row keeps, int64 [n], of lists of the given lengths; `kept` bool [T]."""
    before = np.concatenate([[0], np.cumsum(kept, dtype=np.int64)])
    return np.diff(before[np.concatenate([[0], np.cumsum(lengths)])])


def _bucket(values: pa.Array, edges: list[float]) -> pa.Array:
    numbers = as_numbers(values)
    buckets = pa.array(np.searchsorted(edges, numbers, side="right")).cast(pa.string())
    return pc.if_else(pa.array(np.isnan(numbers)), pa.scalar(None, pa.string()), buckets)


@contextmanager
def _placed(piece: Piece, column: str, lengths: Array | None = None) -> Iterator[None]:
    """Say of what is wrong with a value where it is; `lengths` if it is one of a list."""
    try:
        yield
    except BadValueError as error:
        row = error.index if lengths is None else int(np.searchsorted(np.cumsum(lengths), error.index, side="right"))
        raise UserError(f"{piece.where(row)}: column {column}: {error.reason}") from None
    except UserError as error:
        raise UserError(f"{piece.path}: {error}") from None
    except pa.ArrowException as error:  # a damaged file may hold strings that are no UTF-8
        raise UserError(f"{piece.path}: column {column} cannot be read: {error}") from None
