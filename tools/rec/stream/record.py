"""What a run has come to, hour by hour: hours.jsonl in its folder, a line per hour of tested clicks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rec.checkpoint.arrays import sync
from rec.errors import UserError

HOURS = "hours.jsonl"

Hour = dict[str, Any]


class Record:
    """The hours of one method and seed; `hour` counts from the first one that is trained on."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / HOURS

    def read(self) -> list[Hour]:
        """All hours; none where there is no record. A line that a kill has cut off is none.

        Raises:
            UserError: it is damaged.
        """
        if not self._path.is_file():
            return []
        lines = self._path.read_text(encoding="utf-8").split("\n")
        try:
            return [json.loads(line) for line in lines[:-1]]
        except ValueError:
            raise UserError(f"{self._path}: is damaged: delete its folder, and the run begins anew") from None

    def keep(self, before: int) -> None:
        """Only the hours before that one: a run goes on from there, and does the others again."""
        kept = [hour for hour in self.read() if hour["hour"] < before]
        temporary = self._path.with_name(f".saving-{HOURS}")
        try:
            temporary.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text("".join(map(_line, kept)), encoding="utf-8")
            sync(temporary)
            temporary.replace(self._path)
        except OSError as error:
            raise UserError(f"{self._path}: cannot be written: {error.strerror}") from None

    def add(self, hour: Hour) -> None:
        """Add an hour."""
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_line(hour))
        except OSError as error:
            raise UserError(f"{self._path}: cannot be written: {error.strerror}") from None


def _line(hour: Hour) -> str:
    return json.dumps(hour) + "\n"
