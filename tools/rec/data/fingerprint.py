"""Whether a folder still holds the data that it held."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rec.config.paths import is_remote
from rec.data.lines import data_files
from rec.data.prepared_table import PreparedTable, is_prepared
from rec.data.reader import Part
from rec.data.tables import storage
from rec.data.tables.files import matches, table_files
from rec.errors import UserError

_PIECE = 1 << 16


def fingerprint(places: Sequence[Path], part: Part = "train") -> str:
    """16 hexadecimal digits of the names and sizes of the files in data folders and of pieces of what they hold.

    A piece is read at the beginning, in the middle and at the end of each file: the whole of it may take minutes. That
    of a prepared table is that of the files that a part was prepared from.

    Raises:
        UserError: a folder is missing or empty, or a file cannot be read.
    """
    prepared = [place for place in places if is_prepared(place)]
    if prepared and (facts := PreparedTable.read(prepared[0]).parts.get(part)):
        return facts.source
    digest = hashlib.sha256()
    for name in files_in(places):
        path = Path(name)
        digest.update(path.name.encode())
        if path.is_dir():
            continue
        try:
            size, _ = storage.stamp(path)
            digest.update(f" {size} ".encode())
            with storage.opened(name) as file:
                for place in dict.fromkeys((0, max(0, size // 2 - _PIECE // 2), max(0, size - _PIECE))):
                    file.seek(place)
                    digest.update(file.read(_PIECE))
        except OSError as error:
            raise UserError(f"{storage.address(path)}: cannot be read: {error.strerror or error}") from None
    return digest.hexdigest()[:16]


def files_in(places: Sequence[Path]) -> list[str]:
    """The files in data folders, and the folders in them."""
    return [name for place in places for name in _files(place)]


def _files(place: Path) -> Iterator[str]:
    """The files in a place, and the folders in it that are looked into by name alone."""
    if is_remote(place):
        yield from table_files([place], "*")
        return
    if not place.is_dir():
        yield from (str(path) for path in matches(place))
        return
    for name in data_files(place, or_folders=True):
        yield name
        if "=" in Path(name).name and Path(name).is_dir():
            yield from _files(Path(name))
