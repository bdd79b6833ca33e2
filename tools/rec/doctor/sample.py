"""A bounded sample of the rows that a reader delivers, kept as one hash per row and field."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rec.data.batch import Batch
from rec.data.reader import Part
from rec.doctor.hashing import bag_hashes, column_hashes
from rec.doctor.ids import IdCounter, IdCounts, binary
from rec.doctor.subject import Subject
from rec.hashing import mix
from rec.numeric import Array


@dataclass
class Sample:
    """n impressions.

    Attributes:
        names: fields, or columns of PaddleRec's rows.
        total: impressions in the data; None where the reader cannot tell.
        fields: uint64 [n, F], a hash of each field's tokens regardless of their order; 0: none.
        labels: float32 [n] by name; none of PaddleRec's, which do not say which columns are labels.
        sample_ids: [n], or None.
        ids: impressions and positives of each id.
        counts: what the reader met.
        problems: what makes values unusable: weights that are not finite, ids outside the table, ...
        columns: shape and dtype of each column of PaddleRec's rows.
        numbers: float32 [n] by name, fields that are numbers, without what says that one is missing.
    """

    part: Part
    names: list[str]
    total: int | None
    fields: Array
    labels: dict[str, Array]
    sample_ids: Array | None
    ids: IdCounts
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    numbers: dict[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.fields)

    @property
    def whole(self) -> bool:
        """Whether it is all the data."""
        return self.total == len(self)

    @property
    def scale(self) -> float:
        """Impressions in the data for each in the sample."""
        return (self.total or len(self)) / max(len(self), 1)

    def rows(self, with_labels: bool) -> Array:
        """uint64 [n], a hash of each impression's tokens and numbers, and of its labels if asked."""
        hashes = self.fields.sum(axis=1, dtype=np.uint64)
        for values in self.numbers.values():
            hashes = mix(hashes + values.view(np.uint32))
        if with_labels:
            for place, values in enumerate(self.labels.values()):
                hashes = mix(hashes + (np.nan_to_num(values, nan=2.0).astype(np.uint64) + np.uint64(3 + 8 * place)))
        return hashes


class NativeRows:
    """Gathers batches of ours."""

    def __init__(self, subject: Subject, part: Part, total: int | None) -> None:
        self._part, self._total, self._names = part, total, list[str]()
        self._num_id, self._number_names = subject.num_id or 0, subject.numbers
        self._fields: list[Array] = []
        self._labels: list[dict[str, Array]] = []
        self._sample_ids: list[Array] = []
        self._numbers: list[Array] = []
        self._ids = IdCounter(binary(subject.tasks))
        self._counts: dict[str, int] = {}
        self._broken_weights = self._outside = 0

    def add(self, batch: Batch) -> None:
        hashes, first = [], 0
        blocks = [bags.as_fields() for bags in batch.bags]
        self._names = [name for bags in blocks for name in bags.fields]
        for bags in blocks:
            by_row = bag_hashes(bags, batch.rows, first)
            hashes.append(by_row if bags.row_index is None else by_row[bags.row_index])
            first += bags.num_field
            if bags.weights is not None:
                self._broken_weights += int(np.count_nonzero(~np.isfinite(bags.weights)))
        self._fields.append(np.concatenate(hashes, axis=1))
        self._labels.append(batch.labels)
        self._sample_ids.append(np.asarray(batch.sample_ids))
        if batch.numbers is not None:
            self._numbers.append(batch.numbers)
        self._outside += int(np.count_nonzero((batch.rows < 0) | (batch.rows >= self._num_id)))
        self._ids.add(batch)
        for name, count in batch.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count

    def done(self) -> Sample:
        problems = []
        if self._broken_weights:
            problems.append(f"{self._broken_weights} token weights are not finite")
        if self._outside:
            problems.append(f"{self._outside} ids are outside the table of {self._num_id} rows")
        labels = {name: np.concatenate([part[name] for part in self._labels]) for name in self._labels[0]}
        return Sample(
            self._part, self._names, self._total, np.concatenate(self._fields), labels,
            np.concatenate(self._sample_ids), self._ids.done(), self._counts, problems, numbers=self._by_name(),
        )  # fmt: skip

    def _by_name(self) -> dict[str, Array]:
        """The numbers, without the columns that say that one is missing."""
        if not self._numbers:
            return {}
        found = dict(zip(self._number_names, np.concatenate(self._numbers).T, strict=True))
        beside = {f"{name}_missing" for name in found}
        return {name: np.ascontiguousarray(values) for name, values in found.items() if name not in beside}


class ArrayRows:
    """Gathers PaddleRec's batches: arrays by position, in lists or mappings; those without a row per impression are
    left out."""

    def __init__(self, part: Part, total: int | None) -> None:
        self._part, self._total = part, total
        self._fields: list[Array] = []
        self._columns: list[str] = []
        self._problems: dict[str, None] = {}

    def add(self, batch: Any) -> None:
        arrays = list(_arrays(batch))
        if len({len(array) for array in arrays}) == 1:
            self._add(arrays)

    def _add(self, batch: list[Array]) -> None:
        columns = [f"{value.dtype} {list(value.shape[1:])}" for value in batch]
        self._columns = self._columns or columns
        for place, (own, first) in enumerate(itertools.zip_longest(columns, self._columns)):
            if own != first:
                self._problems[f"column {place} is {first} in the first batch and {own} in another"] = None
        for place, value in enumerate(batch):
            if not np.issubdtype(value.dtype, np.number) and value.dtype != np.bool_:
                self._problems[f"column {place} holds {value.dtype}, not numbers"] = None
            elif not np.isfinite(value).all():
                self._problems[f"column {place} holds values that are not finite"] = None
        if columns == self._columns and not any("not numbers" in problem for problem in self._problems):
            self._fields.append(column_hashes(batch))

    def done(self) -> Sample:
        width = len(self._columns)
        fields = np.concatenate(self._fields) if self._fields else np.empty((0, width), np.uint64)
        names = [f"column {place}" for place in range(width)]
        ids = IdCounter(()).done()
        return Sample(
            self._part, names, self._total, fields, {}, None, ids,
            problems=list(self._problems), columns=self._columns,
        )  # fmt: skip


def _arrays(batch: Any) -> Iterator[Array]:
    """The arrays of a batch, however deep."""
    if isinstance(batch, np.ndarray):
        if batch.ndim:
            yield batch
    elif isinstance(batch, list | dict):
        for value in batch.values() if isinstance(batch, dict) else batch:
            yield from _arrays(value)
