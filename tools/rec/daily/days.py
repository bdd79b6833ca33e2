"""Which days there are, in their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rec.config.config import Config
from rec.data.tables import storage
from rec.data.tables.files import matches
from rec.errors import UserError


@dataclass(frozen=True)
class Day:
    """A day's data, and what its checkpoints' folder is called."""

    name: str
    place: Path


def days_of(config: Config) -> list[Day]:
    """The days that `runner.train_data_dir` names: places in their order, what matches a pattern in that of names.

    A place with folders called key=value is a log with a day in each of these.

    Raises:
        UserError: a place is not there, or two days have one name.
    """
    places = [day for place in config.places(config.runner.train_data_dir) for day in _days(place)]
    days = [Day(place.name if storage.is_folder(place) else place.stem, place) for place in places]
    names = [day.name for day in days]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"runner.train_data_dir: two days are called {twice}, as their checkpoints' folders would be")
    return days


def _days(place: Path) -> Iterator[Path]:
    for path in sorted(matches(place), key=_in_order):
        within = storage.entries(path) if storage.is_folder(path) else []
        parts = [entry.name for entry, is_folder in within if is_folder and "=" in entry.name[1:]]
        yield from sorted((path / name for name in parts), key=_in_order) if parts else [path]


def _in_order(path: Path) -> list[tuple[int, str]]:
    """By its name, in which numbers count as such: day-9 comes before day-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name)]
