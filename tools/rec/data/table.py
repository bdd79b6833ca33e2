"""The rows of the files of a user's table: each knows its file and its number there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from rec.data.delimited import header, read_delimited
from rec.data.spelling import is_text
from rec.data.table_settings import DataSettings
from rec.errors import UserError
from rec.numeric import Array

_SHOWN = 40
"""Columns that a message lists, and characters of their names."""


@dataclass(frozen=True)
class Piece:
    """n rows of one file. Pieces are never joined: files may differ in types, and Arrow's strings end at 2 GiB.

    Attributes:
        path: the file.
        numbers: int64 [n], their numbers in the file, from 0.
        batch: their columns.
    """

    path: str
    numbers: Array
    batch: pa.RecordBatch

    def where(self, row: int) -> str:
        """File and row, for messages; rows are counted from 1, a header is none."""
        return f"{self.path}: row {self.numbers[row] + 1}"


@dataclass(frozen=True)
class Table:
    """R rows in pieces, in the order of the files.

    Attributes:
        pieces: the rows.
        number: int64 [R], their numbers through all files, from 0.
        file_rows: how many rows each file has.
        types: by column the types that the files have it in, each once; of a text file's columns, `text`.
    """

    pieces: tuple[Piece, ...]
    number: Array
    file_rows: dict[str, int]
    types: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.number)

    def column(self, name: str) -> Iterator[tuple[Piece, pa.Array]]:
        """A column, piece by piece."""
        for piece in self.pieces:
            yield piece, piece.batch.column(name)

    def where(self, row: int) -> str:
        """File and row in it of the row-th row here, for messages."""
        for piece in self.pieces:
            if row < len(piece.numbers):
                return piece.where(row)
            row -= len(piece.numbers)
        raise IndexError(row)

    def filter(self, kept: Array) -> Table:
        """The rows where `kept`, bool [R], is true."""
        pieces, start = [], 0
        for piece in self.pieces:
            own = kept[start : start + len(piece.numbers)]
            start += len(own)
            pieces.append(Piece(piece.path, piece.numbers[own], piece.batch.filter(pa.array(own))))
        return replace(self, pieces=tuple(pieces), number=self.number[kept])


def read_table(paths: list[str], settings: DataSettings) -> Table:
    """The columns that the settings name, of all rows of the files.

    Raises:
        UserError: a file is neither CSV nor Parquet, or lacks a column that the settings name, or has it twice.
    """
    wanted = {settings.sample_id, *settings.labels.values(), *settings.numbers.values()}
    for name, field in settings.fields.items():
        wanted |= {(field.column if field else None) or name, field.weights if field else None}
    columns = sorted(name for name in wanted if name is not None)
    pieces: list[Piece] = []
    file_rows: dict[str, int] = {}
    types: dict[str, list[str]] = {name: [] for name in columns}
    for path in paths:
        table = _read(path, columns, settings)
        start = 0
        for batch in table.to_batches():
            pieces.append(Piece(path, np.arange(start, start + batch.num_rows), batch))
            start += batch.num_rows
        file_rows[path] = start
        for name in columns:
            types[name].append(_type_name(table.schema.field(name).type))
    number = np.arange(sum(file_rows.values()))
    return Table(tuple(pieces), number, file_rows, {name: tuple(dict.fromkeys(found)) for name, found in types.items()})


def _read(path: str, columns: list[str], settings: DataSettings) -> pa.Table:
    try:
        if path.endswith(".parquet"):
            with pa.parquet.ParquetFile(path) as file:
                _check_columns(path, columns, file.schema_arrow.names)
                return _without_views(file.read(columns))
        names = header(path, settings)
        _check_columns(path, columns, names)
        return read_delimited(path, columns, names, settings)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read as a table: {error}") from None


def _without_views(table: pa.Table) -> pa.Table:
    """The same with plain strings: Arrow cannot choose rows of views."""
    for at, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.large_string()))
        elif pa.types.is_list(field.type) and pa.types.is_string_view(field.type.value_type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.list_(pa.large_string())))
    return table


def _type_name(kind: pa.DataType) -> str:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return "text" if is_text(kind) else str(kind)


def _check_columns(path: str, columns: list[str], found: list[str]) -> None:
    absent = [name for name in columns if name not in found]
    if absent:
        shown = [name[:_SHOWN] for name in found[:_SHOWN]] + ["..."] * (len(found) > _SHOWN)
        hint = (
            "data.delimiter parts columns" if len(found) == 1 else "data.files says which files of the folder are read"
        )
        raise UserError(
            f"{path}: has no column {', '.join(absent) or repr('')}; its columns are {', '.join(shown)} ({hint})"
        )
    twice = [name for name in columns if found.count(name) > 1]
    if twice:
        raise UserError(f"{path}: has more than one column {', '.join(twice)}: which one is meant? Rename the others")
