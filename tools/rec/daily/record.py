"""What a walk over days has done: daily.json, which it goes on from, and daily.csv, its evaluations as a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rec.checkpoint.arrays import sync
from rec.errors import UserError

RECORD, TABLE = "daily.json", "daily.csv"


@dataclass
class Record:
    """The days that were begun, in their order.

    Attributes:
        folder: where the files are.
        days: `day`, its name; `evaluation`, rows of the table, none on the first day; `checkpoint`, the folder that it
            ended with, relative to `folder`, once it is trained on, and then `data`, the fingerprint of what it was.
        settings: that all days have alike, besides those that a checkpoint tells of; empty: of before they were kept.
    """

    folder: Path
    days: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Record:
        """That of a folder; an empty one where there is none.

        Raises:
            UserError: it is damaged.
        """
        path = folder / RECORD
        if not path.is_file():
            return cls(folder)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            days = [{"day": str(one["day"]), **one} for one in found["days"]]
            return cls(folder, days, dict(found.get("settings", {})))
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(f"{path}: is damaged: walk over the days anew in another runner.model_save_path") from None

    def check(self, names: Sequence[str], settings: Mapping[str, Any]) -> None:
        """Raise UserError if the days are not those that were begun, and perhaps more, or settings are others."""
        for name, value in settings.items() if self.settings else ():
            if self.settings.get(name) != value:
                raise UserError(
                    f"{self.folder / RECORD}: runner.{name} was {self.settings.get(name)!r}, is {value!r}: days would "
                    "not be comparable: set it as it was, or another runner.model_save_path"
                )
        self.settings = self.settings or dict(settings)
        begun = [one["day"] for one in self.days]
        if begun != list(names[: len(begun)]):
            raise UserError(
                f"{self.folder / RECORD}: the days were {', '.join(begun)}, and are {', '.join(names)} now: days may "
                "only be added behind; else set another runner.model_save_path"
            )

    def of(self, name: str) -> dict[str, Any]:
        """What is recorded of a day; it begins if it has not."""
        found = next((one for one in self.days if one["day"] == name), None)
        if found is None:
            found = {"day": name}
            self.days.append(found)
        return found

    def write(self) -> None:
        """Write both files, each of them whole or not at all.

        Raises:
            UserError: the disk does not take it.
        """
        _replace(self.folder / RECORD, json.dumps({"settings": self.settings, "days": self.days}, indent=1))
        rows = [row for one in self.days for row in one.get("evaluation", [])]
        names = dict.fromkeys(name for row in rows for name in row)
        text = io.StringIO()
        table = csv.DictWriter(text, list(names), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        _replace(self.folder / TABLE, text.getvalue())


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".saving-{path.name}")
    try:
        temporary.write_text(text, encoding="utf-8")
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
