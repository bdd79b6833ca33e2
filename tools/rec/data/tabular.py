"""The reader of a table of the user's own, which the config's `data` section describes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

from rec.config.paths import is_remote
from rec.console import Bar, log
from rec.data.by import asked_of, check_new, new_of, of_table
from rec.data.encode import Encoder, judged
from rec.data.encoded import Encoded
from rec.data.encoded_reader import IN_MEMORY, EncodedReader
from rec.data.labels import Judged
from rec.data.prefetch import prefetch
from rec.data.survey import Survey
from rec.data.table import Table
from rec.data.tables.files import are_below
from rec.data.tables.parts import PartOfTable, RowsOfPart, of_another_folder
from rec.data.tables.source import TableSource
from rec.data.tables.storage import common_folder
from rec.data.unseen import Unseen
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError


class TabularReader(EncodedReader):
    """Rows of files. Where the reader is given no vocabulary, it makes one of its rows.

    Attributes:
        labels: of `data.labels` or `data.numbers`; each may be empty in a row. `request_id` may be any column;
            rows of one request stay together when they are shuffled.
        types: by column those that files have it in.
        unseen: nothing of hashed fields, whose values cannot be told apart.
    """

    def open(self, file_list: list[str]) -> None:
        self.look(file_list)
        self._parts = self.of_part.pieces(self._counted())
        if not len(self):
            purpose = {"train": "training", "valid": "validation"}.get(self.part, "testing")
            raise UserError(f"{self._folder}: no rows for {purpose}")
        tables = [part.read() for part in self._parts] if len(self) <= IN_MEMORY else ()
        given = self.vocabulary
        self.settle(self._learned(tables, given) if given is None or given.grows else given)
        parts = [self._encode(table, part.first) for table, part in zip(tables, self._parts, strict=False)]
        self.begin(Encoded.join(parts) if parts else None)

    def look(self, file_list: list[str]) -> None:
        """What the files are and the config says of them; no row is read."""
        super().open(file_list)
        settings = self._settings
        known = {**settings.labels, **settings.numbers}
        folder, names = common_folder([Path(file) for file in file_list])
        self._folder, self.may_fork = folder or ", ".join(names), not any(map(is_remote, file_list))
        scoring, training = self.part == "test", self.part == "train"
        optional = {known[name] for name in self.labels if name not in self.rules.inputs} if scoring else set()
        train = self.config.places(self.config.runner.train_data_dir)
        of_training = training or are_below(file_list, train)
        split = settings if of_training else of_another_folder(settings)
        asked = asked_of(self.config, self.part)
        called = of_table(asked, settings)
        maybe = {called[column.name] for column in asked if new_of(column) in settings.ids}
        source = TableSource(file_list, split, scoring, optional | maybe, called.values())
        self._by = {c: called[c.name] for c in asked if not (called[c.name] in maybe and source.lacks(called[c.name]))}
        self._by_vocabulary = [column for column in asked if column not in self._by]
        for column in sorted(optional):
            if source.lacks(column):
                log.warning("%s: has no column %s: its label is not known there", source.lacks(column)[0], column)
        self.file_rows, self.types = source.file_rows, source.types
        self.column_types = {
            name: self.types[field.column or name] for name, field in settings.columns_of.items() if not field.cross
        }
        if scoring and settings.split("test") and not of_training:
            said = "data.test" if settings.test else "data.test_share"
            log.warning("%s is of runner.train_data_dir: all rows of %s are taken", said, self._folder)
        self.of_part = PartOfTable(source, split, self.part)

    def settle(self, vocabulary: Vocabulary) -> None:
        super().settle(vocabulary)
        check_new(self._by_vocabulary, vocabulary)
        scoring, training = self.part == "test", self.part == "train"
        self._encode = Encoder(
            self._settings, vocabulary, self.labels, self.rules, self.config.runner.label_policy,
            "weighted" in self._poolings, self._max_len, self._settings.keep if scoring else (), training, self._by,
        )  # fmt: skip

    def read(self, part: RowsOfPart) -> Encoded:
        return self._encode(part.read(), part.first)

    @cached_property
    def unseen(self) -> Mapping[str, Unseen]:  # type: ignore[override]
        """Of the first rows, where there are very many."""
        return self._encode.unseen(self._first_tables())

    def _counted(self) -> Iterable[int]:
        """How many rows of each fragment are of this part."""
        return [self.of_part.count(fragment) for fragment in self.of_part.source.fragments]

    def survey(self, before: Vocabulary | None = None) -> Survey:
        """One of the table's fields that has seen no row, but those that made the vocabulary before."""
        return Survey(self._settings, self._dims, self._pretrained, before)

    @property
    def judge(self) -> Callable[[Table], Judged]:
        """Looks at the labels of rows."""
        return partial(
            judged, settings=self._settings, names=self.labels, rules=self.rules, policy=self.config.runner.label_policy
        )

    def _learned(self, tables: Sequence[Table], before: Vocabulary | None) -> Vocabulary:
        """The vocabulary of this part's rows, and of those before; labels of a large table are looked at on the way."""
        survey, judge = self.survey(before), self.judge
        with Bar("vocabulary", len(self)) as bar:
            for table in tables or prefetch(part.read() for part in self._parts):  # read beside the counting
                if not tables:
                    judge(table)
                survey.add(table)
                bar.advance(len(table))
        found = survey.vocabulary()
        if found.growth:
            log.info("vocabulary, day %d: %s", found.growth.day, "; ".join(found.growth.lines()))
        return found

    def _first_tables(self) -> Iterator[Table]:
        """Enough rows of a large table to tell whether their values are known."""
        rows = 0
        for part in self._parts:
            yield part.read()
            rows += part.rows
            if rows > IN_MEMORY:
                return
