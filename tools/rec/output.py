"""Folders whose files appear when all of them are complete."""

from __future__ import annotations

import os
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


def whole_file(path: Path, content: bytes) -> None:
    """Write a file; whoever reads it meanwhile, or after a kill, finds the one before or all of this one.

    Raises:
        UserError: it cannot be written.
    """
    temporary = path.with_name(f".saving-{path.name}-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which has the target's name when all is written; what had it before goes then.

    A link stays one, to the new folder.

    Raises:
        UserError: it cannot be written.
    """
    target = target.resolve()
    temporary = target.with_name(f".saving-{target.name}-{os.getpid()}")
    aside = target.with_name(f".replaced-{target.name}-{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if target.exists():
            target.rename(aside)
        temporary.rename(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
