"""A delimited text file (CSV, tab-separated, ...) as a table of texts, in which a value never swallows a row."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from rec.data.table_settings import DataSettings
from rec.data.tables.format import Opened
from rec.data.tables.text import Text, stretches
from rec.errors import UserError

_FOREIGN = "is not UTF-8: say what it is in with data.encoding, e.g. gbk"
_SPACED = ' "'
"""How a value begins whose quote quotes nothing, for a space is before it."""


class Delimited(Opened):
    """A delimited text file, whose columns are texts: a field's values are names, and 007 is not 7."""

    def __init__(self, path: str, settings: DataSettings) -> None:
        self._path, self._settings = path, settings
        self._text = Text(path, settings.encoding)
        self._dialect = _dialect(path, settings)
        self._names = list(settings.columns or self._header())
        self.types = {name: pa.string() for name in self._names}
        self.names = self._names
        self.parts = []
        for number, stretch in enumerate(stretches(self._text, settings.newlines_in_values)):
            rows = stretch.rows - (number == 0 and settings.columns is None)
            self.parts.append((max(0, rows), stretch))

    def _header(self) -> list[str]:
        """The names in the first line, without the spaces around them."""
        with self._text.lines() as file, _any_length():
            line = file.readline()
            if not line:
                raise UserError(
                    f"{self._path}: is empty, expected a line with the columns' names: remove it, or see data.files"
                )
            if _is_foreign(line):
                raise UserError(f"{self._path}: the header {_FOREIGN}")
            names = next(csv.reader([line], **self._dialect))
            if spaced := self._spaced(names):
                raise UserError(f"{self._path}: the header {spaced}")
            return [name.strip() for name in names]

    def read(self, part: int, columns: list[str]) -> pa.Table:
        """Some columns of a stretch.

        Raises:
            UserError: a row has another number of values than the header, a value is no UTF-8, has a space before its
                quote, or holds a line break that `data.newlines_in_values` does not allow.
        """
        rows, stretch = self.parts[part]
        schema = pa.schema([(name, pa.string()) for name in columns])
        if not rows:
            return schema.empty_table()
        names, settings = self._names, self._settings
        unique = [name if names.index(name) == at else f"{name}, column {at + 1}" for at, name in enumerate(names)]
        begins = stretch.start == 0 and settings.columns is None
        text = self._text.read(stretch)
        try:
            table = pa.csv.read_csv(
                pa.BufferReader(text),
                read_options=pa.csv.ReadOptions(
                    column_names=unique, skip_rows=int(begins), block_size=len(text) + 1, use_threads=False
                ),
                parse_options=pa.csv.ParseOptions(
                    delimiter=self._dialect["delimiter"],
                    quote_char='"' if settings.quoting == "standard" else False,
                    newlines_in_values=settings.newlines_in_values,
                ),
                convert_options=pa.csv.ConvertOptions(include_columns=columns, column_types=schema),
            )
        except pa.ArrowException as error:
            raise UserError(self._explain() or f"{self._path}: cannot be read as a table: {error}") from None
        # The parser takes a line break within quotes for a part of the value, whatever it is told: a quote that is a
        # character of a name would swallow rows up to the next one.
        if table.num_rows != rows:
            found = (
                f"{self._path}: holds {rows:,} lines where {table.num_rows:,} rows are read: set data.quoting: none if "
                "quotes are plain characters in this file"
            )
            raise UserError(self._explain() or found)
        if any(pc.any(pc.starts_with(column, _SPACED)).as_py() for column in table.columns):
            problem = self._explain() if (self._dialect["delimiter"] + _SPACED).encode() in text else None
            if problem:
                raise UserError(problem)
        return table

    def _explain(self) -> str | None:
        """What is wrong with the first row that is not as it should be, found by Python's slower parser."""
        names = self._names
        for row, first, last, values in self._rows():
            lines = f"line {first}" if first == last else f"lines {first} to {last}"
            place = f"{self._path}: row {row} ({lines})"
            if last > first and not self._settings.newlines_in_values:
                at = next((at for at, value in enumerate(values) if "\n" in value or "\r" in value), 0)
                name = names[at] if at < len(names) else "after the last"
                return (
                    f"{place}: column {name} holds a line break within quotes, {_shown(values[at])}: set data.quoting: "
                    "none if quotes are plain characters in this file, or data.newlines_in_values: true if it is meant"
                )
            if spaced := self._spaced(values):
                return f"{place}: {spaced}"
            if len(values) != len(names):
                whose = "data.columns" if self._settings.columns else "the header"
                return f"{place}: has {len(values)} values, {whose} {len(names)} names (data.delimiter, data.quoting)"
            for name, value in zip(names, values, strict=True):
                if _is_foreign(value):
                    return f"{place}: column {name} {_FOREIGN}"
        return None

    def _spaced(self, values: list[str]) -> str | None:
        """What is wrong with a row of which a value has a space before its quote."""
        value = next((value for value in values if value.startswith(_SPACED)), None)
        if value is None or self._settings.quoting == "none":
            return None
        return (
            f"has a space before a quote, {_shown(value)}: take it out of the file, or set data.quoting: none if "
            "quotes are plain characters in this file"
        )

    def _rows(self) -> Iterator[tuple[int, int, int, list[str]]]:
        """(number from 1, first line, last line, values) of each row after the header."""
        with self._text.lines(newline="") as file, _any_length():
            reader = csv.reader(file, **self._dialect)
            if self._settings.columns is None:
                next(reader, None)
            row, before = 0, reader.line_num
            try:
                for values in reader:
                    row += bool(values)
                    if values:
                        yield row, before + 1, reader.line_num, values
                    before = reader.line_num
            except csv.Error:
                return


def _is_foreign(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


@contextmanager
def _any_length() -> Iterator[None]:
    """Let Python's parser take values of any length."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _dialect(path: str, settings: DataSettings) -> dict[str, Any]:
    quoting = csv.QUOTE_MINIMAL if settings.quoting == "standard" else csv.QUOTE_NONE
    tabs = ".tsv" in Path(path).suffixes or ".tab" in Path(path).suffixes
    return {"delimiter": settings.delimiter or ("\t" if tabs else ","), "quoting": quoting}


def _shown(value: str) -> str:
    return repr(value if len(value) <= 30 else f"{value[:30]}...")
