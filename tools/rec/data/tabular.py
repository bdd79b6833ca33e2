"""The reader of a table of the user's own, CSV or Parquet, that the config's `data` section describes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rec.config.behaviours import REQUEST
from rec.config.config import Config
from rec.config.hyper import build
from rec.console import Bar, log
from rec.data.batch import Bags, Batch
from rec.data.distinct import DistinctIds
from rec.data.encode import Encoder, judged
from rec.data.encoded import Encoded, Window, codes
from rec.data.plan import ReadPlan
from rec.data.pooling import field_weights
from rec.data.reader import Reader, ReaderSettings, reading_of
from rec.data.sequences import blocks_of, parted
from rec.data.survey import Survey
from rec.data.table import Table
from rec.data.table_checks import check_labels, check_leaks, check_vocabulary, check_weights
from rec.data.table_settings import read_settings
from rec.data.tables.files import are_below, table_files
from rec.data.tables.parts import of_another_folder, parts_of
from rec.data.tables.source import TableSource
from rec.data.unknown import UnknownReplacement
from rec.data.unseen import Unseen
from rec.data.vocabulary import Vocabulary
from rec.data.windowed import in_windows, windows_of
from rec.errors import UserError
from rec.numeric import Array

WINDOW = 1 << 19
"""Rows of a large table that are in memory, and shuffled among each other."""

IN_MEMORY = 1 << 20
"""A table of no more rows is read once."""


class TabularReader(Reader):
    """Whole batches of a table of any size: a small one is in memory, of a large one a window of rows.

    Where it is given no vocabulary, it makes one of its rows; the embedding table gets as many rows as there are ids.

    Attributes:
        labels: of `data.labels` or `data.numbers`; each may be empty in a row. `request_id` may be any column;
            rows of one request stay together when they are shuffled.
        unseen: nothing of hashed fields, whose values cannot be told apart.
    """

    def open(self, file_list: list[str]) -> None:
        settings = self._settings = read_settings(self.config.data)
        known = {**settings.labels, **settings.numbers}
        check_labels(self.labels, known)
        folder = os.path.commonpath([Path(path).absolute().parent for path in file_list])
        values = build(ReaderSettings, self.config)
        self._pooling, self._max_len = values.pooling, values.max_len
        check_weights(settings, values.pooling)
        check_leaks(
            settings, {known[name]: name for name in self.labels if name in (*settings.labels, *self.rules.targets)}
        )
        scoring = self.part == "test"
        optional = {known[name] for name in self.labels if name not in self.rules.inputs} if scoring else set()
        train = self.config.places(self.config.runner.train_data_dir)
        of_training = self.part == "train" or are_below(file_list, train)
        split = settings if of_training else of_another_folder(settings)
        source = TableSource(file_list, split, keep=scoring, optional=optional)
        for column in sorted(optional):
            if source.lacks(column):
                log.warning("%s: has no column %s: its label is not known there", source.lacks(column)[0], column)
        self.file_rows, types = source.file_rows, source.types
        if self.part == "test" and settings.split("test") and not of_training:
            said = "data.test" if settings.test else "data.test_share"
            log.warning("%s is of runner.train_data_dir: all rows of %s are taken", said, folder)
        self._parts = parts_of(source, split, self.part)
        if not len(self):
            purpose = {"train": "training", "valid": "validation"}.get(self.part, "testing")
            raise UserError(f"{folder}: no rows for {purpose}")
        check_vocabulary(self.vocabulary, settings)
        self._poolings = [field.pooling or values.pooling for field in settings.ids.values()]
        weighted, policy = "weighted" in self._poolings, self.config.runner.label_policy
        keep = settings.keep if scoring else ()
        small = len(self) <= IN_MEMORY
        tables = [part.read() for part in self._parts] if small else ()
        vocabulary = self.vocabulary = self.vocabulary or self._survey(tables)
        self.num_id = vocabulary.num_id
        self._encode = Encoder(settings, vocabulary, self.labels, self.rules, policy, weighted, self._max_len, keep)
        self._whole: Encoded | None = None
        if small:
            parts = [self._encode(table, part.first) for table, part in zip(tables, self._parts, strict=True)]
            self._whole = Encoded.join(parts)
        rate = settings.unknown_rate if self.part == "train" else 0
        self._replacement = UnknownReplacement(self._counts(), vocabulary, rate) if rate else None
        self.column_types = {
            name: types[field.column or name] for name, field in settings.columns_of.items() if not field.cross
        }
        self.blocks = blocks_of([(list(settings.ids), False)], self.attended)
        self.numbers = settings.number_names()

    @cached_property
    def unseen(self) -> Mapping[str, Unseen]:  # type: ignore[override]
        """Of the first rows, where there are very many."""
        return self._encode.unseen(self._first_tables())

    @classmethod
    def files(cls, config: Config, places: Sequence[Path]) -> list[str]:
        return table_files(places, read_settings(config.data).files)

    @classmethod
    def declared_fields(cls, config: Config) -> list[str] | None:
        return list(read_settings(config.data).ids)

    @classmethod
    def declared_numbers(cls, config: Config) -> tuple[str, ...]:
        return read_settings(config.data).number_names()

    def reading(self) -> dict[str, Any]:
        return reading_of(self._settings.ids, self._pooling, self._max_len) | self._settings.reading()

    def __len__(self) -> int:
        return sum(part.rows for part in self._parts)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order. Rows are shuffled among those of a window; a small table is one."""
        distinct = DistinctIds(self.num_id)
        whole = self._whole
        found = (
            in_windows(plan, [[whole]], len, lambda rows: rows, lambda parts, _: Window.of(parts, plan))
            if whole is not None
            else in_windows(
                plan,
                windows_of(self._parts, lambda part: part.rows, plan, WINDOW),
                lambda part: part.rows,
                lambda part: self._encode(part.read(), part.first),
                lambda parts, number: Window.of(parts, plan, number),
            )
        )
        for pieces in found:
            yield self._batch(Encoded.join([window.rows.take(rows) for window, rows in pieces]), plan, distinct)

    def _batch(self, rows: Encoded, plan: ReadPlan, distinct: DistinctIds) -> Batch:
        counts = {"impressions": len(rows), **rows.judged.counts()}
        excluded = rows.judged.contradicting
        if plan.training and excluded.any():
            rows, excluded = rows.take(np.flatnonzero(~excluded)), excluded[:0]
        tokens = rows.tokens
        if plan.training and self._replacement:
            tokens = self._replacement(tokens, rows.places, plan)
        ids, (positions,) = distinct(tokens.ids)
        weights = field_weights(self._poolings, tokens.offsets, tokens.values)
        bags = Bags(tokens.num_field, positions, tokens.offsets, weights)
        labels = dict(rows.judged.labels)
        if rows.requests is not None:  # numbered within the batch: float32 holds no large number exactly
            labels[REQUEST] = np.unique(codes(rows.requests), return_inverse=True)[1].astype(np.float32)
        names = rows.sample_ids.to_numpy(zero_copy_only=False)
        names = names if self._settings.sample_id is None else names.astype(str)
        left_out = excluded if excluded.any() else None
        blocks = parted([(bags, list(self._settings.ids))], self.attended)
        return Batch(ids, blocks, labels, names, left_out, counts=counts, kept=rows.kept, numbers=rows.numbers)

    def _survey(self, tables: Sequence[Table]) -> Vocabulary:
        """The vocabulary of this part's rows; labels of a large table are looked at on the way."""
        survey = Survey(self._settings)
        with Bar("vocabulary", len(self)) as bar:
            for table in tables or (part.read() for part in self._parts):
                if not tables:
                    judged(table, self._settings, self.labels, self.rules, self.config.runner.label_policy)
                survey.add(table)
                bar.advance(len(table))
        return survey.vocabulary()

    def _first_tables(self) -> Iterator[Table]:
        """Enough rows of a large table to tell whether their values are known."""
        rows = 0
        for part in self._parts:
            yield part.read()
            rows += part.rows
            if rows > IN_MEMORY:
                return

    def _counts(self) -> Array:
        """How often each id occurs in the rows."""
        assert self.vocabulary is not None
        if self._whole is not None:
            return np.bincount(self._whole.tokens.ids, minlength=self.num_id)
        if not self.vocabulary.counts:
            total = np.zeros(self.num_id, np.int64)
            for part in self._parts:
                total += np.bincount(self._encode.tokens(part.read()).ids, minlength=self.num_id)
            return total
        return self.vocabulary.id_counts()
