"""The reader of a prepared table: what the table's own reader makes of its rows, as it was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rec.config.behaviours import REQUEST
from rec.config.metrics import Column
from rec.data.by import asked_of, check_new, new_of
from rec.data.encoded import Encoded
from rec.data.encoded_reader import IN_MEMORY, EncodedReader
from rec.data.growth_rules import GROWING
from rec.data.prepared import check_label
from rec.data.prepared_table import MANIFEST, PreparedTable
from rec.data.row_file import RowFile, as_encoded
from rec.data.unseen import Unseen
from rec.data.vocabulary import VOCABULARY, Vocabulary
from rec.errors import UserError


@dataclass(frozen=True)
class Piece:
    """A record batch of a part: its number, the number of its first row, and how many rows."""

    index: int
    first: int
    rows: int


class PreparedTableReader(EncodedReader):
    """Rows of the part of a folder that tools/prepare.py wrote; they come as they would from the table."""

    def open(self, file_list: list[str]) -> None:
        (path,) = file_list
        folder = Path(path).parent
        super().open(file_list)
        settings = self._settings
        if settings.grow_vocabulary:
            raise UserError(f"{folder}: is a prepared table, whose ids do not grow: name the table itself")
        table = PreparedTable.read(folder)
        if changed := _changed(table.settings, settings_of(self)):
            raise UserError(
                f"{folder}: was prepared otherwise: {'; '.join(changed)}: prepare it again, or set it as it was"
            )
        facts = table.parts.get(self.part)
        if facts is None:
            there = ", ".join(table.parts)
            raise UserError(f"{folder}: holds no rows of the part {self.part}, but of {there}: set data.{self.part}")
        self.file_rows, self._unseen = facts.file_rows, facts.unseen
        self.column_types = {name: tuple(types) for name, types in table.column_types.items()}
        self.settle(_vocabulary(folder, table, self.vocabulary))
        number = len(self.numbers)
        self._file = RowFile(folder / f"{self.part}.arrow", len(settings.ids), self.num_id, number)
        self._file.open(facts.rows)
        self._by = [column.key for column in self._asked(folder)]
        firsts = [sum(facts.rows[:index]) for index in range(len(facts.rows))]
        self._parts = [
            Piece(index, first, rows) for index, (first, rows) in enumerate(zip(firsts, facts.rows, strict=True))
        ]
        small = len(self) <= IN_MEMORY
        self.begin(Encoded.join([self.read(part) for part in self._parts]) if small else None)

    def read(self, part: Piece) -> Encoded:
        batch = self._file.batch(part.index, part.rows)
        labels = {name: self._file.label(batch, name) for name in self.labels if name != REQUEST}
        policy, path = self.config.runner.label_policy, self._file.path
        kinds = {**dict.fromkeys(self._settings.labels, "binary"), **self.rules.kinds}
        for name, values in labels.items():
            check_label(values, kinds.get(name, "number"), f"{path}: piece {part.index + 1}", name)  # type: ignore[arg-type]
        judged = self.rules.judge(labels, policy, lambda row: f"{path}: row {part.first + row + 1}")
        keep = self._settings.keep if self.part == "test" else ()
        return as_encoded(
            self._file,
            batch,
            part.first,
            "weighted" in self._poolings,
            judged,
            REQUEST in self.labels,
            keep,
            self._settings.common is not None,
            self._by,
        )

    def _asked(self, folder: Path) -> Iterator[Column]:
        """The columns that metrics ask for; which values are new their ids may tell."""
        for column in asked_of(self.config, self.part):
            if self._file.has(f"by {column.key}"):
                yield column
            elif new_of(column) not in self._settings.ids:
                raise UserError(
                    f"{folder}: was prepared without the column {column.name} of runner.metrics or runner.segments: "
                    "prepare it again with these"
                )
            elif self.vocabulary is not None:
                check_new([column], self.vocabulary)

    @property
    def unseen(self) -> Mapping[str, Unseen]:  # type: ignore[override]
        """As it was when the table was prepared."""
        return self._unseen


def settings_of(reader: EncodedReader) -> dict[str, Any]:
    """All that a prepared row depends on, as plain data; what becomes of vectors and numbers it does not know."""
    without = {"unknown_rate", "negative_rate", "keep", "random_test", *GROWING}
    section = reader._settings.model_dump(mode="json", exclude=without)
    of_fields = {
        f"data.fields.{name}": {**field, "trainable": None, "embed": None} if field else field
        for name, field in section.pop("fields").items()
    }
    found = {f"data.{name}": value for name, value in section.items()} | of_fields
    return found | {"hyper_parameters.max_len": reader._max_len, "weighted": "weighted" in reader._poolings}


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys([*before, *now])
    return [f"{n} was {before.get(n)!r}, is {now.get(n)!r}" for n in names if before.get(n) != now.get(n)]


def _vocabulary(folder: Path, table: PreparedTable, given: Vocabulary | None) -> Vocabulary:
    """The folder's; what a checkpoint has must be the same."""
    path = folder / VOCABULARY
    vocabulary = Vocabulary.load(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != table.vocabulary_sha256:
        raise UserError(f"{path}: is not the one that {MANIFEST} says: prepare the table again")
    if given is not None and given != vocabulary:
        raise UserError(
            f"{folder}: was prepared with another vocabulary than the checkpoint's: name the table itself, or prepare "
            "it with that checkpoint (-o runner.warm_start=CHECKPOINT)"
        )
    return vocabulary
