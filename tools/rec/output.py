"""Folders whose files appear when all of them are complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rec.errors import UserError

_UNFINISHED = ".unfinished"


@contextmanager
def all_or_nothing(folder: Path, force: bool) -> Iterator[Path]:
    """A hidden folder to write into; its files move to `folder` when the block ends, and vanish when it fails.

    Raises:
        UserError: the folder holds something and `force` is not given, which replaces files of the same names.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, expected a folder to write to")
    present = sorted(path.name for path in folder.iterdir() if path.name != _UNFINISHED) if folder.exists() else []
    if present and not force:
        raise UserError(f"{folder} is not empty (holds {present[0]}): give another folder, or --force to write over it")
    unfinished = folder / _UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        names = [path.relative_to(unfinished) for path in sorted(unfinished.rglob("*")) if path.is_file()]
        for name in names:  # first all old ones go: what lies there is of one run, whenever this is cut short
            (folder / name).unlink(missing_ok=True)
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (unfinished / name).rename(folder / name)
    finally:
        shutil.rmtree(unfinished)
