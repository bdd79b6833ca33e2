"""Raw rows as batches, for models of lines of text and of prepared Ali-CCP, whose values are whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rec.config.hyper import build
from rec.data.batch import Bags, Batch
from rec.data.distinct import DistinctIds
from rec.data.label_values import EXPECTED, odd_values
from rec.data.original_ids import OriginalIds
from rec.data.parse import FieldNames, check_field_names
from rec.data.plan import ReadPlan
from rec.data.pooling import token_weights
from rec.data.prepared import split_fields
from rec.data.prepared_schema import PreparedField
from rec.data.ragged import Ragged
from rec.data.raw import Row
from rec.data.raw_numbers import number, whole_numbers
from rec.data.reader import Reader, ReaderSettings
from rec.data.sequences import Seen, blocks_of, parted
from rec.data.shared import Group, keys_by_tokens, once
from rec.errors import UserError
from rec.kernels.lines import hash_ids
from rec.numeric import Array


class RawIdReader(Reader):
    """Encodes rows that it is handed: by field a whole number, a list of them, or pairs [id, weight] where the model
    pools by weights.

    Attributes:
        columns: names of the columns that it reads: fields, and what the network predicts from.
        original: what original ids are; None: rows hold the model's own, or any, which are hashed.
        offsets: with `original`, by field its unknown id.
        shared: fields that rows may share.
    """

    original: OriginalIds | None = None
    offsets: Mapping[str, int] = {}
    shared: tuple[str, ...] = ()

    def open(self, file_list: list[str]) -> None:
        values = build(ReaderSettings, self.config)
        self.fields = check_field_names(values.fields)
        self.pooling, self.max_len, self.hashed = values.pooling, values.max_len, values.hash_ids
        self._hashes = dict(zip(self.fields, FieldNames.of(self.fields).hashes.tolist(), strict=True))
        self.columns = (*self.fields, *self.labels)
        self.num_id = values.sparse_feature_number or 0  # a prepared one may leave it to the data
        self._group()

    def know(self, fields: Sequence[PreparedField], original: OriginalIds) -> None:
        """Rows hold the original ids of prepared data, whose schema says which fields rows may share."""
        common, _ = split_fields(self.fields, fields)
        self.shared, self.original = tuple(common), original
        self.offsets = {field.name: field.offset for field in fields if field.name in self.fields}
        self._group()

    def _group(self) -> None:
        own = tuple(name for name in self.fields if name not in self.shared)
        self._groups = [(group, once) for group, once in ((self.shared, True), (own, False)) if group]
        self.blocks = blocks_of(self._groups, Seen(self.attended))

    def __len__(self) -> int:
        return 0

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """None: it has no data of its own."""
        return iter(())

    @property
    def shared_columns(self) -> tuple[str, ...]:
        """The columns of `shared`."""
        return self.shared

    def batch(self, rows: Sequence[Row], user: Row | None = None) -> Batch:
        """A batch of all rows.

        Args:
            user: what all rows have in `shared_columns`, which is then not looked for in them.

        Raises:
            UserError: a value is no whole number, an id has no row in the embedding table, or the network needs a
                column that is empty.
        """
        groups = self._of_rows(rows) if user is None or not self.shared else self._of_user(user, rows)
        ids, positions = self._distinct(*(group.ids for group, _ in groups))
        bags = [
            Bags(group.num_field, where, group.offsets, token_weights(self.pooling, group.offsets, group.values), row)
            for (group, row), where in zip(groups, positions, strict=True)
        ]
        blocks = parted(zip(bags, [names for names, _ in self._groups], strict=True), Seen(self.attended))
        return Batch(ids, blocks, self._labels(rows), np.arange(len(rows)))

    def _of_rows(self, rows: Sequence[Row]) -> list[Group]:
        tokens, count = self._tokens(rows, self.fields), len(self.shared)
        if not count:
            return [(tokens, None)]
        common, own, row = once(keys_by_tokens(tokens.fields(0, count)), tokens, count)
        return [(common, row), *([(own, None)] if own.num_field else [])]

    def _of_user(self, user: Row, rows: Sequence[Row]) -> list[Group]:
        own = self._tokens(rows, self.fields[len(self.shared) :])
        common = self._tokens([user], self.shared), np.zeros(len(rows), np.int32)
        return [common, *([(own, None)] if own.num_field else [])]

    def _tokens(self, rows: Sequence[Row], names: Sequence[str]) -> Ragged:
        fields = [self._field(rows, name) for name in names]
        return Ragged.from_fields(fields, self.pooling == "weighted", self.max_len)

    def unknown_values(self, rows: Sequence[Row]) -> dict[str, list[str]]:
        """By field the original ids, each once, that training has not seen; nothing where that cannot be told."""
        if self.original is None:
            return {}
        found = {}
        for name in self.fields:
            values = np.unique(whole_numbers(rows, name)[1])
            unseen = values[self.original.find(name, values, -1) == -1]
            if len(unseen):
                found[name] = [str(value) for value in unseen.tolist()]
        return found

    def example(self, number: int) -> dict[str, Any]:
        """A row of ids that the model knows; another number, another row, as far as there are ids."""
        if self.original is not None:
            return {name: self.original.example(name, number) for name in self.fields}
        return {name: (number * len(self.fields) + place) % self.num_id for place, name in enumerate(self.fields)}

    @cached_property
    def _distinct(self) -> DistinctIds:
        return DistinctIds(self.num_id)

    def _field(self, rows: Sequence[Row], name: str) -> tuple[Array, Array, Array | None]:
        """Where each row's tokens begin, their ids and their weights."""
        starts, values, weights = whole_numbers(rows, name)
        if self.original is not None:
            return starts, self.original.find(name, values.astype(np.int64), self.offsets[name]), weights
        if self.hashed:
            return starts, hash_ids(np.uint64(self._hashes[name]), values, np.uint64(self.num_id)), weights
        outside = np.flatnonzero(values >= self.num_id)
        if len(outside):
            row = int(np.searchsorted(starts, outside[0], side="right"))
            raise UserError(
                f"rows: row {row}: id {values[outside[0]]} of field {name} is outside the embedding table (ids 0 to "
                f"{self.num_id - 1})"
            )
        return starts, values.astype(np.int32), weights

    def _labels(self, rows: Sequence[Row]) -> dict[str, Array]:
        found = {}
        for name in self.labels:
            values = np.array([number(row.get(name), name, place) for place, row in enumerate(rows, 1)], np.float32)
            kind = self.rules.kinds.get(name, "number")
            odd = np.union1d(odd_values(values, kind), np.flatnonzero(np.isnan(values)))
            if len(odd):
                raise UserError(
                    f"rows: row {odd[0] + 1}: {name} should be {EXPECTED[kind]}, for the model predicts from it; found "
                    f"{rows[int(odd[0])].get(name)!r}"
                )
            found[name] = values
        return found
