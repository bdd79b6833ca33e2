"""Columns of a CSV or Parquet table as lists of texts, numbers and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from rec.data.table_settings import DataSettings, FieldColumn
from rec.errors import UserError
from rec.numeric import Array


def read_table(paths: list[str], settings: DataSettings) -> pa.Table:
    """All rows of the files, in order; the files' columns must agree.

    Raises:
        UserError: a file is neither CSV nor Parquet, or lacks a column that the settings name.
    """
    wanted = {settings.sample_id, *settings.labels.values(), *settings.numbers.values()}
    for name, field in settings.fields.items():
        wanted |= {(field.column if field else None) or name, field.weights if field else None}
    columns = sorted(name for name in wanted if name)
    tables = [_read(path, columns, settings.delimiter) for path in paths]
    return pa.concat_tables(tables, promote_options="permissive").combine_chunks()


def _read(path: str, columns: list[str], delimiter: str) -> pa.Table:
    try:
        if path.endswith(".parquet"):
            schema = pa.parquet.read_schema(path)
            _check_columns(path, columns, schema.names)
            return pa.parquet.read_table(path, columns=columns)
        # Everything as text: a field's values are names, and 007 is not 7.
        with Path(path).open(encoding="utf-8-sig") as file:
            header = file.readline().rstrip("\r\n").split(delimiter)
        names = [name.strip().strip('"') for name in header]
        _check_columns(path, columns, names)
        convert = pa.csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string()))
        return pa.csv.read_csv(path, parse_options=pa.csv.ParseOptions(delimiter=delimiter), convert_options=convert)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as a table: {error}") from None


def _check_columns(path: str, columns: list[str], found: list[str]) -> None:
    absent = [name for name in columns if name not in found]
    if absent:
        raise UserError(f"{path}: has no column {', '.join(absent)}; its columns are {', '.join(found)}")


def lists_of_text(table: pa.Table, name: str, field: FieldColumn, edges: list[float] | None) -> tuple[Array, pa.Array]:
    """A field's values: where each row's begin, int64 [R + 1], and all of them as strings; nulls and '' are none."""
    column = _one_chunk(table.column(field.column or name))
    if edges is not None:
        column = _bucket(column, edges)
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        lists = column
    elif field.separator:
        lists = pc.split_pattern(as_text(column, name), field.separator)
    else:
        return _without_empty(np.arange(len(column) + 1), as_text(column, name))
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    return _without_empty(np.concatenate([[0], np.cumsum(lengths)]), as_text(lists.flatten(), name))


def as_text(column: Any, name: str) -> Any:
    """A column, or a part of one, as strings. Raises UserError if its values are none, such as structs."""
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise UserError(f"column of {name}: its values cannot be read as text: {error}") from None


def _without_empty(starts: Array, texts: pa.Array) -> tuple[Array, pa.Array]:
    """The same lists without nulls and empty texts."""
    present = pc.fill_null(pc.not_equal(texts, ""), False)
    before = np.concatenate([[0], np.cumsum(present.to_numpy(zero_copy_only=False).astype(np.int64))])
    return before[starts], texts.filter(present)


def lists_of_weights(table: pa.Table, field: FieldColumn, starts: Array) -> Array:
    """float32 [T] weights of a field's values, whose rows begin at `starts`.

    Raises:
        UserError: a row has another number of weights than of values, or one is no number.
    """
    as_field = FieldColumn(column=field.weights, separator=field.separator)
    own, texts = lists_of_text(table, str(field.weights), as_field, None)
    if not np.array_equal(own, starts):
        row = int(np.flatnonzero(np.diff(own) != np.diff(starts))[0])
        raise UserError(f"row {row + 1}: column {field.weights} has another number of weights than there are values")
    try:
        return np.asarray(texts.cast(pa.float32()).to_numpy(zero_copy_only=False))
    except pa.ArrowException as error:
        raise UserError(f"column {field.weights}: {error}") from None


def quantile_edges(table: pa.Table, name: str, field: FieldColumn) -> list[float]:
    """Bounds that cut a numeric column into `field.buckets` buckets of about equal counts."""
    numbers = _numbers(_one_chunk(table.column(field.column or name)), name)
    shares = np.linspace(0, 1, int(field.buckets or 2) + 1)[1:-1]
    finite = numbers[np.isfinite(numbers)]
    return sorted(set(np.quantile(finite, shares).tolist())) if len(finite) else []


def label_column(table: pa.Table, column: str) -> Array:
    """A label as float32 [R]: 0 or 1; NaN where it is empty.

    Raises:
        UserError: a value is neither.
    """
    numbers = number_column(table, column)
    odd = np.flatnonzero(~np.isnan(numbers) & (numbers != 0) & (numbers != 1))
    if len(odd):
        raise UserError(f"row {odd[0] + 1}: label column {column} should be 0 or 1, found {numbers[odd[0]]:g}")
    return numbers


def number_column(table: pa.Table, column: str) -> Array:
    """A label that is any number as float32 [R]; NaN where it is empty.

    Raises:
        UserError: a value is no number.
    """
    return _numbers(_one_chunk(table.column(column)), column).astype(np.float32)


def codes(table: pa.Table, column: str) -> Array:
    """A number for each value of a column, int64 [R], from 0; empty ones share one."""
    values = _one_chunk(table.column(column))
    return np.unique(pc.fill_null(values.cast(pa.string()), "").to_numpy(zero_copy_only=False), return_inverse=True)[1]


def _bucket(column: pa.Array, edges: list[float]) -> pa.Array:
    numbers = _numbers(column, "a bucketed field")
    buckets = pa.array(np.searchsorted(edges, numbers, side="right"))
    return pc.if_else(pa.array(np.isnan(numbers)), pa.scalar(None, pa.string()), buckets.cast(pa.string()))


def _numbers(column: pa.Array, name: str) -> Array:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    try:
        return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy(zero_copy_only=False))
    except pa.ArrowException as error:
        raise UserError(f"column {name}: expected numbers: {error}") from None


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
