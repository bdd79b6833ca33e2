"""Batches of rows that are ids and labels already, from memory or a window of a large table at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rec.config.behaviours import REQUEST
from rec.config.config import Config
from rec.config.hyper import DIMS, Declared, build
from rec.data.batch import Bags, Batch
from rec.data.by import as_batch_has
from rec.data.distinct import DistinctIds
from rec.data.encoded import Encoded, Window, codes
from rec.data.negatives import Negatives, counted
from rec.data.plan import ReadPlan
from rec.data.pooling import field_weights
from rec.data.pretrained import Pretrained, dims_of, pretrained_of
from rec.data.ragged import Ragged
from rec.data.reader import Reader, ReaderSettings, reading_of
from rec.data.sequences import Seen, blocks_of, parted
from rec.data.shared import Group, once
from rec.data.table_checks import check_labels, check_leaks, check_vocabulary, check_weights, warn_of_unused
from rec.data.table_rows import TableRows, rows_of
from rec.data.table_settings import read_settings
from rec.data.tables.files import table_files
from rec.data.unknown import UnknownReplacement
from rec.data.vocabulary import Vocabulary
from rec.data.windowed import in_windows, windows_of
from rec.errors import UserError
from rec.numeric import Array

WINDOW = 1 << 19
"""Rows of a large table that are in memory, and shuffled among each other."""

IN_MEMORY = 1 << 20
"""A table of no more rows is read once."""


class Part(Protocol):
    """Rows that are read at one go: how many, and the number of the first among all."""

    @property
    def rows(self) -> int: ...

    @property
    def first(self) -> int: ...


class EncodedReader(Reader):
    """Whole batches of a table of any size: a small one is in memory, of a large one a window of rows.

    The embedding table gets as many rows as the vocabulary has ids. A subclass settles `_parts` and says what is in
    them.
    """

    samples = True
    divides = True
    _parts: Sequence[Any] = ()
    _whole: Encoded | None = None

    @abstractmethod
    def read(self, part: Any) -> Encoded:
        """The rows of a part, with the vocabulary that `settle` was given."""

    def open(self, file_list: list[str]) -> None:
        """What the config says of any table."""
        self._settings = settings = read_settings(self.config.data)
        known = {**settings.labels, **settings.numbers}
        check_labels(self.labels, known)
        values = build(ReaderSettings, self.config)
        if values.hash_ids:
            raise UserError("hyper_parameters.hash_ids is of lines of text: data.hash_size hashes a table's values")
        self._pooling, self._max_len = values.pooling, values.max_len
        check_weights(settings, values.pooling)
        if self.part == "train":
            warn_of_unused(settings, self.attended.queries, values)
        answers = {known[n]: n for n in self.labels if n in (*settings.labels, *self.rules.targets)}
        check_leaks(settings, answers)
        self._dims = self.config.hyper_parameters.get(DIMS) or {}
        check_vocabulary(self.vocabulary, settings, self._dims)
        self._poolings = [field.pooling or values.pooling for field in settings.ids.values()]
        largest = {name: field.sequence for name, field in settings.ids.items() if field.pooling == "max"}
        self._seen = Seen(self.attended, {name: length for name, length in largest.items() if length}, self._dims)
        names, shared = list(settings.ids), len(settings.shared)
        self._groups = [(group, once) for group, once in ((names[:shared], True), (names[shared:], False)) if group]
        self.blocks = blocks_of(self._groups, self._seen)
        self.numbers = tuple(settings.embeds())
        # A checkpoint knows by itself what its vectors were: the files may be gone.
        self._pretrained: dict[str, Pretrained] = {}
        if self.part == "train":
            self._pretrained = pretrained_of(settings, self.config, may_be_gone=self.vocabulary is not None)

    def settle(self, vocabulary: Vocabulary) -> None:
        """The ids are those of a vocabulary."""
        self.vocabulary, self.num_id = vocabulary, vocabulary.num_id
        fixed = [name for name, field in self._settings.ids.items() if field.trainable is False]
        self._rows = rows_of(vocabulary, self._dims, fixed, self._pretrained)

    def begin(self, whole: Encoded | None) -> None:
        """Batches may be asked for; `whole`: all rows, where they are few."""
        self._whole = whole
        rate = self._settings.unknown_rate if self.part == "train" else 0
        self.negatives = Negatives.of(self.config, self.part, self.rules, self._label)
        assert self.vocabulary is not None
        self._replacement = UnknownReplacement(self._counts(), self.vocabulary, rate) if rate else None

    @classmethod
    def files(cls, config: Config, places: Sequence[Path]) -> list[str]:
        return table_files(places, read_settings(config.data).files)

    @classmethod
    def declared(cls, config: Config) -> Declared | None:
        settings = read_settings(config.data)
        return Declared(list(settings.ids), dims_of(settings, config), settings.embeds())

    @property
    def rows(self) -> TableRows:
        return self._rows

    def reading(self) -> dict[str, Any]:
        return reading_of(self._settings.ids, self._pooling, self._max_len) | self._settings.reading()

    def __len__(self) -> int:
        return sum(part.rows for part in self._parts)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order. Rows are shuffled among those of a window; a small table is one."""
        distinct = DistinctIds(self.num_id)
        kept = None if self.negatives is None else self.negatives.kept(plan)
        whole, chunk = self._whole, self.config.runner.shuffle_chunk
        found = (
            in_windows(
                plan, [[whole]], lambda rows: counted(kept, 0, len(rows)), lambda rows: rows,
                lambda parts, _: Window.of(parts, plan, chunk).only(kept),
            )
            if whole is not None
            else in_windows(
                plan, windows_of(self._parts, lambda part: part.rows, plan, WINDOW),
                lambda part: counted(kept, part.first, part.rows), self.read,
                lambda parts, number: Window.of(parts, plan, chunk, number).only(kept),
            )
        )  # fmt: skip
        for pieces in found:
            yield self._batch(Encoded.join([window.rows.take(rows) for window, rows in pieces]), plan, distinct)

    def _label(self, name: str) -> Iterator[Array]:
        """A label of all rows, float32 [n] by pieces."""
        for rows in map(self.read, self._parts) if self._whole is None else [self._whole]:
            yield rows.judged.labels[name]

    def _batch(self, rows: Encoded, plan: ReadPlan, distinct: DistinctIds) -> Batch:
        counts = {"impressions": len(rows), **rows.judged.counts()}
        excluded = rows.judged.contradicting
        if plan.training and excluded.any():
            rows, excluded = rows.take(np.flatnonzero(~excluded)), excluded[:0]
        tokens = rows.tokens
        if plan.training and self._replacement:
            tokens = self._replacement(tokens, rows.places, plan)
        ids, bags = self._bags(self._grouped(tokens, rows.keys), distinct)
        labels = dict(rows.judged.labels)
        if rows.requests is not None:  # numbered within the batch: float32 holds no large number exactly
            labels[REQUEST] = np.unique(codes(rows.requests), return_inverse=True)[1].astype(np.float32)
        names = rows.sample_ids.to_numpy(zero_copy_only=False)
        names = names if self._settings.sample_id is None else names.astype(str)
        left_out = excluded if excluded.any() else None
        blocks = parted(zip(bags, [group for group, _ in self._groups], strict=True), self._seen)
        by = as_batch_has(rows.by)
        return Batch(ids, blocks, labels, names, left_out, counts=counts, kept=rows.kept, numbers=rows.numbers, by=by)

    def _grouped(self, tokens: Ragged, keys: Array | None) -> list[Group]:
        """The groups of fields that there are: those that rows of a key share, and those of each row."""
        if keys is None:
            return [(tokens, None)]
        common, own, row = once(keys, tokens, len(self._settings.shared))
        return [(common, row), *([(own, None)] if own.num_field else [])]

    def _bags(self, groups: Sequence[Group], distinct: DistinctIds) -> tuple[Array, list[Bags]]:
        """The distinct ids, and the bags of each group."""
        ids, positions = distinct(*(group.ids for group, _ in groups))
        bags, poolings = [], self._poolings
        for (group, row_index), where in zip(groups, positions, strict=True):
            weights = field_weights(poolings[: group.num_field], group.offsets, group.values)
            bags.append(Bags(group.num_field, where, group.offsets, weights, row_index))
            poolings = poolings[group.num_field :]
        return ids, bags

    def _counts(self) -> Array:
        """How often each id counts in the rows that made the vocabulary; one of before says nothing of that."""
        assert self.vocabulary is not None
        if not self.vocabulary.counts:
            total = np.zeros(self.num_id, np.int64)
            for part in self._parts:
                total += np.bincount(self.read(part).tokens.ids, minlength=self.num_id)
            return total
        return self.vocabulary.id_counts()
