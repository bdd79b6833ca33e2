"""Which format a table's file is in: by its suffix, or by its first bytes where a suffix says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rec.data.table_settings import DataSettings
from rec.data.tables.arrow import Feather, Parquet
from rec.data.tables.delimited import Delimited
from rec.data.tables.format import Opened
from rec.data.tables.json_lines import JsonLines
from rec.data.tables.storage import opened
from rec.data.tables.text import COMPRESSED
from rec.errors import UserError

_SUFFIXES = {
    ".parquet": "Parquet",
    **dict.fromkeys((".feather", ".arrow", ".ipc"), "Feather"),
    **dict.fromkeys((".jsonl", ".json", ".ndjson"), "JSON lines"),
}

_BEGINNINGS = {
    b"PAR1\x15": "Parquet",
    b"ARROW1\0": "Feather",
    b"Obj\x01": "Avro",
    b"SEQ\x06": "a Hadoop sequence file",
    b"PK\x03\x04": "a zip archive or a workbook",
}
"""Hive calls its files 000000_0, whatever is in them. None of these begins a text."""


def open_file(path: str, settings: DataSettings, columns: Sequence[str]) -> Opened:
    """A file of a table; `columns` are those that it should have.

    Raises:
        UserError: it is in a format that is not read.
        OSError, pyarrow.ArrowException: it is damaged.
    """
    kind = _kind(path)
    if kind == "Parquet":
        return Parquet(path)
    if kind == "Feather":
        return Feather(path)
    if kind == "JSON lines":
        return JsonLines(path, settings, columns)
    if kind:
        raise UserError(f"{path}: is {kind}, which is not read: write Parquet, CSV or JSON lines instead")
    return Delimited(path, settings)


def _kind(path: str) -> str | None:
    """A format; None: text with delimiters."""
    suffixes = [suffix for suffix in Path(path).suffixes if suffix not in COMPRESSED]
    known = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if known or path.endswith(tuple(COMPRESSED)):
        return known
    with opened(path) as file:
        begins = file.read(8)
        file.seek(max(0, file.size() - 4))
        ends = file.read(3)
    if begins.startswith(b"ORC") and ends == b"ORC":
        return "ORC"
    return next((kind for magic, kind in _BEGINNINGS.items() if begins.startswith(magic)), None)
