"""What a reader found, in log lines: the rows of each file, and values that training has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rec.config.paths import is_remote
from rec.console import log
from rec.data.reader import Part, Reader
from rec.data.tables.storage import common_folder
from rec.data.unseen import MANY, Unseen, summary

_NAMED = 6
_PURPOSE: dict[Part, str] = {"train": "training", "valid": "validation", "test": "testing"}


def log_reading(reader: Any, part: Part) -> None:
    """What was found in the files of a part; nothing of PaddleRec's readers, which do not say."""
    if isinstance(reader, Reader):
        log_rows(reader.file_rows, _PURPOSE[part], len(reader))
        if part != "train":
            log_unseen(reader.unseen)


def log_rows(rows: Mapping[str, int], purpose: str, used: int) -> None:
    """How many rows each file has, in one line; files beyond a few are summed up.

    Args:
        rows: by file; nothing is said of none.
        purpose: what they are read for.
        used: how many of all of them are read for that.
    """
    if not rows:
        return
    folder, names = common_folder([_whole(Path(path)) for path in rows])
    total, counts = sum(rows.values()), dict(zip(names, rows.values(), strict=True))
    if len(rows) <= _NAMED:
        files = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    else:
        files = f"{len(rows)} files of {min(rows.values()):,} to {max(rows.values()):,}"
        empty = [name for name, count in counts.items() if not count]
        files += f", of which {len(empty)} empty, such as {empty[0]}" if empty else ""
    place = f"{folder}: " if folder else ""
    log.info("%s%s rows (%s)%s", place, f"{total:,}", files, f", {used:,} for {purpose}" if used != total else "")


def _whole(path: Path) -> Path:
    return path if is_remote(path) else path.parent.resolve() / path.name


def log_unseen(unseen: Mapping[str, Unseen]) -> None:
    """The share of each field's values that training has not seen; a warning where that is most of a field."""
    if unseen:
        log.info("values that %s: %s", next(iter(unseen.values())).says(), summary(unseen))
    for name, one in unseen.items():
        if one.share > MANY:
            log.warning("%s (%s): are they spelled otherwise?", one.says(f"most values of field {name}"), one)
