"""The reader of a table of the user's own, CSV or Parquet, that the config's `data` section describes."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.config.behaviours import REQUEST, LabelKind
from rec.config.config import Config
from rec.config.hyper import build
from rec.console import log
from rec.data import columns
from rec.data.batch import Bags, Batch
from rec.data.distinct import DistinctIds
from rec.data.encode import build_vocabulary, encode
from rec.data.plan import ReadPlan
from rec.data.pooling import token_weights
from rec.data.reader import Block, Part, Reader, ReaderSettings, reading_of
from rec.data.table import Table, read_table
from rec.data.table_settings import DataSettings, FieldColumn, read_settings
from rec.data.unknown import UnknownReplacement
from rec.errors import UserError
from rec.numeric import Array


class TabularReader(Reader):
    """Whole batches of a table that fits in memory.

    Where it is given no vocabulary, it makes one of its rows; the embedding table gets as many rows as there are ids.

    Attributes:
        labels: of `data.labels` or `data.numbers`; each may be empty in a row. `request_id` may be any column;
            rows of one request stay together when they are shuffled.
        unseen: nothing of hashed fields, whose values cannot be told apart.
    """

    def open(self, file_list: list[str]) -> None:
        settings = self._settings = read_settings(self.config.data)
        known = {**settings.labels, **settings.numbers}
        absent = [name for name in self.labels if name not in known]
        if absent:
            raise UserError(f"data.labels: has no {', '.join(absent)}; expected {', '.join(self.labels)}")
        folder = Path(file_list[0]).parent
        paths = [path for path in file_list if fnmatch.fnmatch(Path(path).name, settings.files)]
        if not paths:
            raise UserError(f"{folder}: holds no file that matches data.files: {settings.files}")
        values = build(ReaderSettings, self.config)
        self._pooling, self._max_len = values.pooling, values.max_len
        _check_weights(settings, values.pooling)
        _check_leaks(
            settings, {known[name]: name for name in self.labels if name in (*settings.labels, *self.rules.targets)}
        )
        table = read_table(paths, settings)
        self.file_rows = table.file_rows
        of_training = os.path.realpath(folder) == os.path.realpath(
            self.config.resolve(self.config.runner.train_data_dir)
        )
        if self.part == "test" and settings.test_share and not of_training:
            log.warning("data.test_share is of runner.train_data_dir: all rows of %s are taken", folder)
        table = _share(table, settings, self.part, of_training)
        if not len(table):
            purpose = {"train": "training", "valid": "validation"}.get(self.part, "testing")
            raise UserError(f"{folder}: no rows for {purpose}")
        vocabulary = self.vocabulary
        if vocabulary is not None and list(vocabulary.values) != list(settings.fields):
            raise UserError(
                f"hyper_parameters.fields was {list(vocabulary.values)}, is {list(settings.fields)}: a checkpoint's "
                "vocabulary has the fields that it was trained on"
            )
        vocabulary = self.vocabulary = vocabulary or build_vocabulary(table, settings)
        self.num_id = vocabulary.num_id
        self._rows, self.unseen = encode(table, settings, vocabulary, values.pooling == "weighted", values.max_len)
        rate = settings.unknown_rate if self.part == "train" else 0
        self._replacement = UnknownReplacement(self._rows.ids, vocabulary, rate) if rate else None
        kinds: dict[str, LabelKind] = {**dict.fromkeys(settings.labels, "binary"), **self.rules.kinds}
        labels = {
            name: columns.label_column(table, known[name], kinds.get(name, "number"))
            for name in self.labels
            if name != REQUEST
        }
        self._request = columns.codes(table, known[REQUEST]) if REQUEST in self.labels else None
        self._sample_ids = _sample_ids(table, settings)
        self._judged = self.rules.judge(labels, self.config.runner.label_policy, table.where)
        self.column_types = {
            name: table.types[(field.column if field else None) or name] for name, field in settings.fields.items()
        }
        self.blocks = (Block(len(settings.fields), shared=False),)
        self._distinct: DistinctIds | None = None

    @classmethod
    def declared_fields(cls, config: Config) -> list[str] | None:
        return list(read_settings(config.data).fields)

    def reading(self) -> dict[str, Any]:
        settings = self._settings
        found = reading_of(settings.fields, self._pooling, self._max_len)
        for name, given in settings.fields.items():
            field = given or FieldColumn()
            for key in ("column", "separator", "weights", "buckets"):
                found[f"data.fields.{name}.{key}"] = getattr(field, key)
        found["data.hash_size"] = settings.hash_size
        for section in ("labels", "numbers"):
            found |= {f"data.{section}.{name}": column for name, column in getattr(settings, section).items()}
        return found

    def __len__(self) -> int:
        return len(self._sample_ids)

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order."""
        for rows in plan.rows(len(self), self._request):
            yield self._batch(rows, plan)

    def _batch(self, rows: Array, plan: ReadPlan) -> Batch:
        counts = {"impressions": len(rows), **self._judged.counts(rows)}
        excluded = self._judged.contradicting[rows]
        if plan.training and excluded.any():
            rows, excluded = rows[~excluded], excluded[:0]
        if self._distinct is None:
            self._distinct = DistinctIds(self.num_id)
        taken = self._rows.take(rows)
        if plan.training and self._replacement:
            taken = self._replacement(taken, rows, plan)
        distinct, (positions,) = self._distinct(taken.ids)
        weights = token_weights(self._pooling, taken.offsets, taken.values)
        bags = Bags(taken.num_field, positions, taken.offsets, weights)
        labels = {name: values[rows] for name, values in self._judged.labels.items()}
        if self._request is not None:  # numbered within the batch: float32 holds no large number exactly
            labels[REQUEST] = np.unique(self._request[rows], return_inverse=True)[1].astype(np.float32)
        ids = self._sample_ids.take(pa.array(rows)).to_numpy(zero_copy_only=False)
        ids = ids if self._settings.sample_id is None else ids.astype(str)
        return Batch(distinct, (bags,), labels, ids, excluded if excluded.any() else None, counts=counts)


def _share(table: Table, settings: DataSettings, part: Part, of_training: bool) -> Table:
    """The rows of a part, by a hash of the row's number, in the training folder; all of another folder."""
    test, valid = settings.test_share, settings.valid_share
    if not of_training or {"test": not test, "valid": not valid, "train": not (test or valid)}[part]:
        return table
    mixed = (table.number.astype(np.uint64) + 1) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(31)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    place = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    rest = test + valid * (1.0 - test)
    begin, end = {"test": (0.0, test), "valid": (test, rest)}.get(part, (rest, 1.0))
    return table.filter((begin <= place) & (place < end))


def _check_leaks(settings: DataSettings, answers: dict[str, str]) -> None:
    """Refuse a field that is read from a label's column: the answer would be among the questions.

    Args:
        answers: labels by their columns. A price or a sample weight, which nobody predicts, may be a field too.
    """
    for name, field in settings.fields.items():
        for column in ((field.column if field else None) or name, field.weights if field else None):
            if column in answers:
                raise UserError(
                    f"data.fields.{name}: column {column} is the label {answers[column]}: leave the field out"
                )


def _check_weights(settings: DataSettings, pooling: str) -> None:
    """Weights and `pooling: weighted` mean nothing without each other."""
    weighted = [name for name, field in settings.fields.items() if field and field.weights]
    if weighted and pooling != "weighted":
        raise UserError(
            f"data.fields.{weighted[0]}.weights has no effect with hyper_parameters.pooling: {pooling}: set that to "
            "weighted, or leave the weights out"
        )
    if pooling == "weighted" and not weighted:
        log.warning("hyper_parameters.pooling is weighted, but no field of data.fields has weights: each counts 1")


def _sample_ids(table: Table, settings: DataSettings) -> pa.Array:
    """int64 or text [R]; Arrow's, as NumPy's texts would all be as wide as the longest one."""
    if settings.sample_id is None:
        return pa.array(table.number)
    texts = columns.text_column(table, settings.sample_id).cast(pa.large_string()).combine_chunks()
    empty = pc.sum(pc.equal(texts, "")).as_py()
    if empty:
        log.warning(
            "data.sample_id: column %s is empty in %d of %d rows, which nothing names in predictions, and which "
            "compare.py takes for one impression", settings.sample_id, empty, len(texts),
        )  # fmt: skip
    return texts
