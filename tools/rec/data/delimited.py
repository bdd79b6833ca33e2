"""A delimited text file (CSV, tab-separated, ...) as a table of texts, in which a value never swallows a row."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from rec.data.table_settings import DataSettings
from rec.errors import UserError

_BLOCK = 1 << 24
_FOREIGN = "is not UTF-8: convert the file, e.g. by iconv -f GBK -t UTF-8"


def header(path: str, settings: DataSettings) -> list[str]:
    """The names in the first line, without the spaces around them.

    Raises:
        UserError: the file is empty, or that line is no UTF-8.
    """
    with _open(path) as file, _any_length():
        line = file.readline()
        if not line:
            raise UserError(f"{path}: is empty, expected a line with the columns' names: remove it, or see data.files")
        if _is_foreign(line):
            raise UserError(f"{path}: the header {_FOREIGN}")
        return [name.strip() for name in next(csv.reader([line], **_dialect(settings)))]


def read_delimited(path: str, columns: list[str], names: list[str], settings: DataSettings) -> pa.Table:
    """Some columns of a file as strings: a field's values are names, and 007 is not 7. An empty value is "".

    Args:
        names: what `header` gave.

    Raises:
        UserError: a row has another number of values than the header, a value is no UTF-8, or holds a line break that
            `data.newlines_in_values` does not allow.
        OSError: the file cannot be read.
    """
    lines = count_lines(path)
    schema = pa.schema([(name, pa.string()) for name in columns])
    if lines <= 1:
        return schema.empty_table()
    unique = [name if names.index(name) == at else f"{name}, column {at + 1}" for at, name in enumerate(names)]
    try:
        table = pa.csv.read_csv(
            path,
            read_options=pa.csv.ReadOptions(column_names=unique, skip_rows=1, block_size=_BLOCK),
            parse_options=pa.csv.ParseOptions(
                delimiter=settings.delimiter,
                quote_char='"' if settings.quoting == "standard" else False,
                newlines_in_values=settings.newlines_in_values,
            ),
            convert_options=pa.csv.ConvertOptions(include_columns=columns, column_types=schema),
        )
    except pa.ArrowException as error:
        raise UserError(_explain(path, names, settings) or f"{path}: cannot be read as a table: {error}") from None
    # The parser takes a line break within quotes for a part of the value, whatever it is told, where both quotes lie in
    # one block: a quote that is a character of a name would swallow rows up to the next one.
    if table.num_rows != lines - 1 and not settings.newlines_in_values:
        found = (
            f"{path}: holds {lines - 1:,} lines after its header, but {table.num_rows:,} rows: set data.quoting: none"
        )
        raise UserError(_explain(path, names, settings) or found)
    return table


def count_lines(path: str) -> int:
    r"""Lines that are not empty; they end in \n, \r\n or \r."""
    count, after_end = 0, True
    with Path(path).open("rb") as file:
        while chunk := file.read(_BLOCK):
            data = np.frombuffer(chunk, np.uint8)
            end = (data == ord("\n")) | (data == ord("\r"))
            count += int(np.count_nonzero(~end[1:] & end[:-1])) + int(after_end and not end[0])
            after_end = bool(end[-1])
    return count


def _explain(path: str, names: list[str], settings: DataSettings) -> str | None:
    """What is wrong with the first row that is not as it should be, found by Python's slower parser; None: nothing."""
    for row, first, last, values in _rows(path, settings):
        lines = f"line {first}" if first == last else f"lines {first} to {last}"
        place = f"{path}: row {row} ({lines})"
        if last > first and not settings.newlines_in_values:
            at = next((at for at, value in enumerate(values) if "\n" in value or "\r" in value), 0)
            name = names[at] if at < len(names) else "after the last"
            return (
                f"{place}: column {name} holds a line break within quotes, {_shown(values[at])}: set data.quoting: "
                "none if quotes are plain characters in this file, or data.newlines_in_values: true if it is meant"
            )
        if len(values) != len(names):
            return f"{place}: has {len(values)} values, the header {len(names)} names (data.delimiter, data.quoting)"
        for name, value in zip(names, values, strict=True):
            if _is_foreign(value):
                return f"{place}: column {name} {_FOREIGN}"
    return None


def _rows(path: str, settings: DataSettings) -> Iterator[tuple[int, int, int, list[str]]]:
    """(number from 1, first line, last line, values) of each row after the header."""
    with _open(path, newline="") as file, _any_length():
        reader = csv.reader(file, **_dialect(settings))
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


def _open(path: str, newline: str | None = None) -> TextIO:
    """A file as text; bytes that are no UTF-8 come as lone surrogates."""
    return Path(path).open(encoding="utf-8-sig", errors="surrogateescape", newline=newline)


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


def _dialect(settings: DataSettings) -> dict[str, Any]:
    quoting = csv.QUOTE_MINIMAL if settings.quoting == "standard" else csv.QUOTE_NONE
    return {"delimiter": settings.delimiter, "quoting": quoting}


def _shown(value: str) -> str:
    return repr(value if len(value) <= 30 else f"{value[:30]}...")
