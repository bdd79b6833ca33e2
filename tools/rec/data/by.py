"""The columns that metrics need of each impression: `runner.metrics` and `runner.segments`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rec.config.config import Config
from rec.config.metrics import IS_NEW, Column, parse
from rec.data import columns as table_columns
from rec.data.batch import Batch
from rec.data.lookup import text_hashes
from rec.data.table import Table
from rec.data.table_settings import DataSettings
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.hashing import mix
from rec.numeric import Array

NEW, KNOWN = "new", "known"
"""What a value of a field is that training has not seen, or has."""


def asked_of(config: Config, part: str) -> tuple[Column, ...]:
    """What a reader of a part is asked for; nothing in training, where metrics are those of the tasks alone."""
    return () if part == "train" else parse(config.runner).columns


def new_of(column: Column) -> str | None:
    """The field whose new values a segment may tell; a column of that very name comes first."""
    is_new = column.kind == "value" and column.name.startswith(IS_NEW)
    return column.name.removeprefix(IS_NEW) if is_new else None


def of_table(columns: Sequence[Column], settings: DataSettings) -> dict[str, str]:
    """By name the table's column: that of a label, of a field, or one of that name.

    Raises:
        UserError: a field is made of others, or of lists of values.
    """
    found = {}
    known = {**settings.labels, **settings.numbers}
    for column in columns:
        field = settings.columns_of.get(new_of(column) or column.name)
        if field and (field.cross or field.separator):
            raise UserError(f"runner.metrics and segments: {column.name}: the field has no single value in a row")
        own = None if field is None or new_of(column) else field.column
        found[column.name] = known.get(column.name) or own or column.name
    return found


def column_values(table: Table, column: Column, name: str) -> pa.Array:
    """A table's column, called `name` there, as `Batch.by` holds it, but as Arrow's array.

    Raises:
        UserError: a value has no one spelling, or is no number, naming file and row.
    """
    if column.kind == "number":
        return pa.array(table_columns.numbers(table, name))
    texts = table_columns.text_column(table, name)
    if column.kind == "value":
        return texts.cast(pa.large_string()).combine_chunks()
    return pa.array(_hashes(texts))


def _hashes(texts: pa.ChunkedArray) -> Array:
    """uint64 [R], 0 of empty texts."""
    found = [np.empty(0, np.uint64)]
    for chunk in texts.chunks:
        empty = np.asarray(pa.compute.equal(chunk, "").to_numpy(zero_copy_only=False))
        found.append(np.where(empty, np.uint64(0), text_hashes(chunk)))
    return np.concatenate(found)


def check_fields(
    columns: Sequence[Column], fields: Collection[str], hashed: bool = False, more: Collection[str] = ()
) -> None:
    """Refuse what data whose fields are ids cannot tell.

    Args:
        fields: that there are.
        hashed: whether ids stand for several values.
        more: columns of numbers that there are.
    """
    for column in columns:
        name, setting = column.name, "runner.segments" if column.kind != "group" else "runner.metrics"
        if name in more:
            continue
        if new_of(column):
            raise UserError(f"{setting}: {name}: ids of these data do not tell which values training has seen")
        if name not in fields:
            known = ", ".join([*fields, *more])
            raise UserError(f"{setting}: there is no column {name}; there are {known}")
        if column.kind == "number":
            raise UserError(f"{setting}: field {name} holds ids, which are no numbers")
        if hashed:
            raise UserError(f"{setting}: ids of field {name} are hashed (hyper_parameters.hash_ids): several are one")


def check_new(columns: Sequence[Column], vocabulary: Vocabulary) -> None:
    """Refuse to tell new values of fields whose ids come from hashing."""
    for column in columns:
        if vocabulary.known(new_of(column) or "") is None:
            raise UserError(f"runner.segments: {column.name}: ids of hashed values do not tell which training has seen")


def by_of(batch: Batch, columns: Sequence[Column], vocabulary: Vocabulary | None) -> dict[str, Any]:
    """The columns of a batch's impressions by their key, as `rec.metrics.judged` takes them.

    Raises:
        UserError: an impression has several values of a field.
    """
    return {column.key: _by(batch, column, vocabulary) for column in columns}


def _by(batch: Batch, column: Column, vocabulary: Vocabulary | None) -> Any:
    if column.key in batch.by:
        return batch.by[column.key]
    if column.name in batch.columns:
        return _of_numbers(batch.columns[column.name], column)
    field = new_of(column)
    ids = _field_ids(batch, field or column.name)
    if field is None:
        return np.where(ids < 0, np.uint64(0), mix(ids)) if column.kind == "group" else _texts(ids)
    if vocabulary is None:
        raise UserError(f"runner.segments: {column.name}: the reader has no vocabulary to tell which values are new")
    texts = np.where(ids < 0, "", np.where(ids == vocabulary.offset(field), NEW, KNOWN))
    return pa.array(texts, pa.large_string())


def _of_numbers(values: Array, column: Column) -> Any:
    if column.kind == "number":
        return values.astype(np.float64)
    return mix(values) if column.kind == "group" else pa.array(values).cast(pa.large_string())


def _texts(ids: Array) -> pa.Array:
    return pa.array([str(number) if number >= 0 else "" for number in ids.tolist()], pa.large_string())


def _field_ids(batch: Batch, name: str) -> Array:
    """int64 [B], the id of a field that has one in each row; -1 where it has none."""
    bags = next((bags.as_fields() for bags in batch.bags if name in bags.fields), None)
    if bags is None:
        raise UserError(f"runner.metrics and segments: the reader gives no column {name}")
    at = bags.fields.index(name)
    starts, ends = (
        bags.offsets[:-1].reshape(-1, bags.num_field)[:, at],
        bags.offsets[1:].reshape(-1, bags.num_field)[:, at],
    )
    if (ends - starts > 1).any():
        raise UserError(f"runner.metrics and segments: field {name} has several values in a row")
    ids = np.full(len(starts), -1, np.int64)
    there = ends > starts
    ids[there] = batch.rows[bags.positions[starts[there]]]
    return ids if bags.row_index is None else ids[bags.row_index]


def as_batch_has(by: Mapping[str, pa.Array]) -> dict[str, Any]:
    """Columns as `Batch.by` holds them."""
    return {key: values if pa.types.is_large_string(values.type) else values.to_numpy() for key, values in by.items()}
