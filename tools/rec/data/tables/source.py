"""A table's files, read a fragment at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data.spelling import is_text
from rec.data.table import Piece, Table
from rec.data.table_settings import DataSettings
from rec.data.tables.cut import in_batches
from rec.data.tables.delimited import Delimited
from rec.data.tables.files import TableFile
from rec.data.tables.format import Opened
from rec.data.tables.open import open_file
from rec.errors import UserError

_SHOWN = 40
"""Columns that a message lists, and characters of their names."""


@dataclass(frozen=True)
class Fragment:
    """Rows of a table that are read at one go.

    Attributes:
        file, part: which file, and which of its parts.
        first: the number of its first row in the file.
        number: the same through all files.
        rows: how many.
    """

    file: int
    part: int
    first: int
    number: int
    rows: int


class TableSource:
    """A table's files, of which only what is asked for is in memory.

    Args:
        paths: of the files, in their order.
        settings: which columns are read, and how.
        keep: whether those are that predictions only pass on.
        optional: columns that are null in a file that lacks them.
        more: columns that are read besides.

    Attributes:
        fragments: all rows, in order.
        file_rows, types: as in `Table`.

    Raises:
        UserError: a file is no table, or lacks a column that the settings name, or has it twice.
    """

    def __init__(
        self,
        paths: Sequence[str],
        settings: DataSettings,
        keep: bool = False,
        optional: Collection[str] = (),
        more: Collection[str] = (),
    ) -> None:
        self._files, self._settings = [TableFile.of(path) for path in paths], settings
        self._columns = sorted({*settings.wanted(), *(settings.keep if keep else ()), *more})
        self._optional = optional
        self._opened: list[Opened] = []
        self.fragments: list[Fragment] = []
        self.file_rows: dict[str, int] = {}
        types: dict[str, list[str]] = {name: [] for name in self._columns}
        number = 0
        for index, file in enumerate(self._files):
            opened = self._open(file)
            first = 0
            for part, (rows, _) in enumerate(opened.parts):
                if rows:
                    self.fragments.append(Fragment(index, part, first, number, rows))
                first, number = first + rows, number + rows
            self.file_rows[file.path] = first
            for name in self._columns:
                types[name].append(_type_name(opened.types.get(name, pa.string())))
        self.types = {name: tuple(dict.fromkeys(found)) for name, found in types.items()}

    def __len__(self) -> int:
        return sum(self.file_rows.values())

    def read(self, fragments: Sequence[Fragment]) -> Table:
        """The rows of some fragments."""
        pieces = tuple(piece for fragment in fragments for piece in self._pieces(fragment))
        return replace(self.numbers(fragments), pieces=pieces)

    def numbers(self, fragments: Sequence[Fragment]) -> Table:
        """The same without what the rows hold."""
        nothing = [np.empty(0, np.int64)]
        number = np.concatenate(nothing + [np.arange(f.number, f.number + f.rows) for f in fragments])
        return Table((), number, self.file_rows, self.types)

    def _open(self, file: TableFile) -> Opened:
        path, always = file.path, [name for name in self._own(file) if name not in self._optional]
        try:
            opened = open_file(path, self._settings, always)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{path}: cannot be read as a table: {error}") from None
        needed = [name for name in self._own(file) if name in always or name in opened.names]
        _check_columns(path, needed, opened.names, isinstance(opened, Delimited) and not self._settings.columns)
        self._opened.append(opened)
        return opened

    def _own(self, file: TableFile) -> list[str]:
        """The columns that are in a file, and not in its folders' names."""
        return [name for name in self._columns if name not in file.partition]

    def lacks(self, column: str) -> list[str]:
        """The files that do not have a column."""
        return [
            f.path for f, o in zip(self._files, self._opened, strict=True) if column not in (*o.names, *f.partition)
        ]

    def _pieces(self, fragment: Fragment) -> Iterator[Piece]:
        file = self._files[fragment.file]
        opened = self._opened[fragment.file]
        try:
            table = opened.read(fragment.part, [n for n in self._own(file) if n in opened.names])
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{file.path}: cannot be read as a table: {error}") from None
        for name in self._columns:
            if name not in table.column_names:
                table = table.append_column(name, pa.array([file.partition.get(name)] * len(table), pa.string()))
        table = _without_null_words(in_batches(_without_views(table)), self._settings.null_values)
        start = fragment.first
        for batch in table.to_batches():
            yield Piece(file.path, np.arange(start, start + batch.num_rows), batch)
            start += batch.num_rows


def _without_null_words(table: pa.Table, words: Sequence[str]) -> pa.Table:
    """Null in place of the words that stand for it; spaces around a text are no part of it."""
    for at, field in enumerate(table.schema):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if words and is_text(kind):
            column = table.column(at)
            texts = column.cast(kind) if kind != field.type else column
            try:
                null = pc.is_in(pc.utf8_trim_whitespace(texts), pa.array(words, kind))
            except pa.ArrowException:  # no UTF-8: who reads the column says where
                continue
            if pc.any(null).as_py():
                table = table.set_column(at, field.name, pc.if_else(null, pa.scalar(None, kind), texts))
    return table


def _without_views(table: pa.Table) -> pa.Table:
    """The same with plain strings: Arrow cannot choose rows of views."""
    for at, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.large_string()))
        elif pa.types.is_list(field.type) and pa.types.is_string_view(field.type.value_type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.list_(pa.large_string())))
        elif pa.types.is_dictionary(field.type) and pa.types.is_string_view(field.type.value_type):
            kind = pa.dictionary(field.type.index_type, pa.large_string())
            table = table.set_column(at, field.name, table.column(at).cast(kind))
    return table


def _type_name(kind: pa.DataType) -> str:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return "text" if is_text(kind) else str(kind)


def _check_columns(path: str, columns: list[str], found: list[str], of_header: bool) -> None:
    absent = [name for name in columns if name not in found]
    if absent:
        shown = [name[:_SHOWN] for name in found[:_SHOWN]] + ["..."] * (len(found) > _SHOWN)
        hint = "data.files says which files of the folder are read"
        if of_header:
            hint += "; data.columns names the columns of text without a header"
        if len(found) == 1:
            hint = "data.delimiter parts columns"
        raise UserError(
            f"{path}: has no column {', '.join(absent) or repr('')}; its columns are {', '.join(shown)} ({hint})"
        )
    twice = [name for name in columns if found.count(name) > 1]
    if twice:
        raise UserError(f"{path}: has more than one column {', '.join(twice)}: which one is meant? Rename the others")
