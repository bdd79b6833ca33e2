"""The output folder: built in a hidden folder inside it, moved into place at the end, ``schema.json`` last."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rec.errors import UserError

RESULTS = ("train", "valid", "test", "vocabulary.parquet", "waiting.parquet", "report.json", "schema.json")
"""What a data set consists of, in the order in which it is moved into place."""


@contextmanager
def workspace(out: Path, force: bool) -> Iterator[Path]:
    """A folder to build the data set in; at the end its RESULTS are moved to ``out``, after an error nothing is left.

    What a killed run left behind is removed first. Raises UserError if another run is at work in ``out``, if a finished
    data set is there (``force`` replaces it, at the end), or files of the results' names that no run made.
    """
    out.mkdir(parents=True, exist_ok=True)
    work = out / ".preparing-data"
    with (out / ".preparing-lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{out}: another run is preparing data here") from None
        try:
            _clean(out, work)
            _check(out, force)
            work.mkdir()
            yield work
            _move(work, out)
        finally:
            shutil.rmtree(work, ignore_errors=True)
            Path(lock.name).unlink(missing_ok=True)


def _clean(out: Path, work: Path) -> None:
    """Remove a killed run's folder, and what it had moved already: results without their schema.json."""
    if work.exists():
        if not (out / "schema.json").exists():
            _remove(out)
        shutil.rmtree(work)


def _remove(out: Path) -> None:
    """Remove a data set, first of all what makes it look finished."""
    for name in reversed(RESULTS):
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _check(out: Path, force: bool) -> None:
    there = [name for name in RESULTS if (out / name).exists()]
    if "schema.json" in there and not force:
        raise UserError(f"{out}: a prepared data set is here already (--force replaces it)")
    if there and "schema.json" not in there:
        raise UserError(
            f"{out}: holds {', '.join(there)}, but no schema.json: not this program's; choose another folder"
        )


def _move(work: Path, out: Path) -> None:
    _remove(out)
    for name in RESULTS:
        if (work / name).exists():
            (work / name).rename(out / name)
