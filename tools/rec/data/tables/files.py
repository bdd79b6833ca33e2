"""The files of a table: a file, a folder as Spark or Hive write it, a pattern, or a list of these."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from rec.config.paths import is_remote
from rec.console import log
from rec.data.prepared_table import MANIFEST, is_prepared
from rec.data.tables import storage
from rec.errors import UserError

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class TableFile:
    """A file, and the columns that its folders' names `key=value` give to all of its rows; None: nothing."""

    path: str
    partition: dict[str, str | None]

    @classmethod
    def of(cls, path: str) -> TableFile:
        """The file of a path."""
        pairs = [part.partition("=") for part in Path(path).parent.parts]
        values = {key: unquote(value) for key, equals, value in pairs if key and equals}
        return cls(path, {key: None if value == _NO_VALUE else value for key, value in values.items()})


def table_files(places: Sequence[Path], pattern: str) -> list[str]:
    """The files in some places, in the order of their names within each.

    Names that begin with `.` or `_` are passed over, as Spark and Hive do. Folders called `key=value` are looked into;
    others are not, which the log says. Of a prepared table it is the file that describes it.

    Args:
        places: files, folders, or patterns of either.
        pattern: what the names of files in folders look like, as in a shell.

    Raises:
        UserError: a place is not there, or holds no file.
    """
    prepared = [place for place in places if is_prepared(place)]
    if prepared and len(places) > 1:
        raise UserError(f"{prepared[0]}: is a prepared table, which is read alone: name no other place beside it")
    if prepared:
        return [str(prepared[0] / MANIFEST)]
    found: dict[str, None] = {}
    for place in places:
        here = [file for path in matches(place) for file in _below(path, pattern)]
        if not here:
            raise UserError(f"{place}: holds no file that matches data.files: {pattern}")
        found |= dict.fromkeys(here)
    return list(found)


def matches(place: Path) -> list[Path]:
    """A place, or what there is of its pattern, sorted.

    Raises:
        UserError: nothing.
    """
    if storage.exists(place):
        return [place]
    found = _of_pattern(place)
    if not found:
        far = re.search(r"\w\w+:/", str(place)) and not is_remote(place)
        what = "only files of this machine, s3:// and hdfs:// are read" if far else "set it in the config, or with -o"
        raise UserError(f"{storage.address(place)}: no such data directory or file ({what})")
    return found


def are_below(paths: Sequence[str], places: Sequence[Path]) -> bool:
    """Whether all files lie in some places."""
    roots = [_real(path) for place in places for path in [place, *_of_pattern(place)]]
    return all(any(root in (file, *file.parents) for root in roots) for file in map(_real, paths))


def _of_pattern(place: Path) -> list[Path]:
    if is_remote(place):
        return storage.matching(place)
    return sorted(map(Path, glob.glob(str(place))))  # noqa: PTH207 - the pattern may be absolute


def _real(path: str | Path) -> Path:
    return storage.plain(Path(path)) if is_remote(path) else Path(os.path.realpath(path))


def _below(path: Path, pattern: str) -> Iterator[str]:
    if not storage.is_folder(path):
        yield str(storage.plain(path))
        return
    others = []
    for entry, is_folder in storage.entries(path):
        if entry.name.startswith((".", "_")):
            continue
        if not is_folder:
            if fnmatch.fnmatch(entry.name, pattern):
                yield str(entry)
        elif "=" in entry.name[1:]:
            yield from _below(entry, pattern)
        else:
            others.append(entry.name)
    if others:
        log.warning("%s: its sub-folders %s are not read (only those called key=value are)", path, ", ".join(others))
