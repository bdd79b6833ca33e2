"""The reader of a prepared Ali-CCP directory: a user's history is read, moved and pooled once per common row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rec.config.behaviours import REQUEST, LabelKind
from rec.config.hyper import build
from rec.data.batch import Bags, Batch
from rec.data.by import asked_of, check_fields
from rec.data.distinct import DistinctIds
from rec.data.labels import Judged
from rec.data.negatives import Negatives, counted
from rec.data.parse import check_field_names
from rec.data.plan import ReadPlan
from rec.data.pooling import token_weights
from rec.data.prepared import check_declared, split_fields
from rec.data.prepared_schema import Grown, PreparedSchema, read_schema
from rec.data.ragged import Ragged
from rec.data.reader import Reader, ReaderSettings, reading_of
from rec.data.row_groups import row_groups, windows
from rec.data.sequences import Seen, blocks_of, parted
from rec.data.table_rows import TableRows
from rec.data.window import Window, WindowLoader
from rec.data.windowed import in_windows
from rec.errors import UserError
from rec.numeric import Array

PREPARED = "the vocabulary of the prepared data"
"""What a checkpoint calls the checksum of the original ids behind its ids."""


class ColumnarReader(Reader):
    """Whole batches from the Parquet files that datasets/ali-ccp/prepare.py writes.

    Row groups are visited in a seeded order, WINDOW impressions at a time. Within a window, runs of at most
    `runner.shuffle_chunk` impressions of one common row stay together, and the runs are shuffled: a larger chunk means
    fewer distinct common rows per batch and less work, a smaller one batches closer to independent draws.

    Attributes:
        columns: what a batch should hold besides, as stored (`Batch.columns`); a subclass may name some.
        vocabulary_checksum: of the original ids behind the ids; None where schema.json does not say.
    """

    samples = True
    divides = True
    columns: tuple[str, ...] = ()

    def open(self, file_list: list[str]) -> None:
        values = build(ReaderSettings, self.config)
        self.folder = Path(file_list[0]).parent
        if values.hash_ids:
            raise UserError("hyper_parameters.hash_ids is of lines of text: prepared data have ids of their own")
        self._schema = schema = read_schema(self.folder.parent / "schema.json")
        self.num_id = values.sparse_feature_number or schema.id_space
        self.vocabulary_checksum = schema.vocabulary_sha256
        self._check_id_space(schema)
        self._policy = self.config.runner.label_policy
        self._truth = tuple(schema.truth)
        check_declared(self.folder, "labels", self.labels, [*schema.labels, *schema.columns, *schema.truth])
        check_declared(self.folder, "columns", self.columns, schema.columns)
        asked = asked_of(self.config, self.part)
        self.columns = tuple(dict.fromkeys((*self.columns, *(c.name for c in asked if c.name in schema.columns))))
        self._common, self._own = split_fields(check_field_names(values.fields), schema.fields)
        self.blocks = blocks_of([(self._common, True), (self._own, False)], Seen(self.attended))
        check_fields(asked, (*self._common, *self._own), more=schema.columns)
        self.pooling, self.max_len = values.pooling, values.max_len
        self._groups = row_groups(self.folder)
        self.file_rows: dict[str, int] = {}
        for group in self._groups:
            self.file_rows[group.impressions] = self.file_rows.get(group.impressions, 0) + group.rows
        always: dict[str, LabelKind] = {"click": "binary", "conversion": "binary"}
        kinds = {name: kind for name, kind in {**self.rules.kinds, **always}.items() if name in self.labels}
        self._loader = WindowLoader(
            self._groups, self._common, self._own, self.labels, self.columns, self._truth, kinds, self.num_id,
            self.pooling == "weighted", self.max_len, self.config.runner.shuffle_chunk,
        )  # fmt: skip
        self._distinct: DistinctIds | None = None
        self.negatives = Negatives.of(self.config, self.part, self.rules, self._label)

    def _label(self, name: str) -> Iterator[Array]:
        """A label of all impressions, float32 [n] by row groups."""
        return (self._loader.label(group, name) for group in self._groups)

    def reading(self) -> dict[str, Any]:
        found = reading_of((*self._common, *self._own), self.pooling, self.max_len)
        return found | {PREPARED: self.vocabulary_checksum}

    def grown_since(self, reading: Mapping[str, Any]) -> Grown | None:
        before = reading.get(PREPARED)
        return None if before in (None, self.vocabulary_checksum) else self._schema.since(before)

    @property
    def rows(self) -> TableRows:
        """As of a table's vocabulary: what is new on a day begins with numbers of that day's."""
        return TableRows(self.num_id, day=len(self._schema.extends))

    def __len__(self) -> int:
        return sum(group.rows for group in self._groups)

    def _check_id_space(self, schema: PreparedSchema) -> None:
        if schema.id_space > self.num_id:
            raise UserError(
                f"{self.folder.parent}: holds ids up to {schema.id_space - 1}, but the embedding table has "
                f"{self.num_id} rows: set hyper_parameters.sparse_feature_number to {schema.id_space} or more"
            )

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order."""
        kept = None if self.negatives is None else self.negatives.kept(plan)
        sources = windows(self._groups, plan)
        found = in_windows(
            plan,
            sources,
            lambda group: counted(kept, group.first, group.rows),
            self._loader.read,
            lambda parts, number: self._loader.join(parts, plan, number, sources[number], kept),
        )
        for pieces in found:
            yield self._assemble(pieces, plan.training)

    def _assemble(self, pieces: list[tuple[Window, Array]], training: bool) -> Batch:
        """A batch of impressions that lie in one window, or across the border of two."""
        judged = self._judge(pieces)
        counts, excluded = {"impressions": len(judged.contradicting), **judged.counts()}, judged.contradicting
        labels = judged.labels
        if training and excluded.any():
            kept = np.split(~excluded, np.cumsum([len(impressions) for _, impressions in pieces])[:-1])
            pieces = [(window, impressions[some]) for (window, impressions), some in zip(pieces, kept, strict=True)]
            labels, excluded = {name: label[~excluded] for name, label in labels.items()}, excluded[:0]
        shared, own, row_index, columns = [], [], [], []
        first_row = 0
        for window, impressions in pieces:
            rows, (number,) = DistinctIds(window.num_common)(window.common_row[impressions])
            shared.append(window.common.take(rows))
            own.append(window.own.take(impressions))
            row_index.append(number + first_row)
            columns.append({name: values[impressions] for name, values in window.columns.items()})
            first_row += len(rows)
        if self._distinct is None:  # made where it is used: a reader process needs its own, the trainer none
            self._distinct = DistinctIds(self.num_id)
        users, items = Ragged.concatenate(shared), Ragged.concatenate(own)
        rows, positions = self._distinct(users.ids, items.ids)
        groups = []
        for names, block, where, index in zip(
            (self._common, self._own), (users, items), positions, (np.concatenate(row_index), None), strict=True
        ):
            if block.num_field:
                weights = token_weights(self.pooling, block.offsets, block.values)
                groups.append((Bags(block.num_field, where, block.offsets, weights, index), names))
        together = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
        truth = {name: together[name] for name in self._truth if name in together}
        more = {name: together[name] for name in self.columns}
        left_out = excluded if excluded.any() else None
        return Batch(
            rows, parted(groups, Seen(self.attended)), labels, together["sample_id"], left_out, truth, more, counts
        )

    def _judge(self, pieces: list[tuple[Window, Array]]) -> Judged:
        """The labels of a batch's impressions, float32 [B] each. Request ids are numbered within the batch."""

        def together(name: str) -> Array:
            return np.concatenate([window.columns[name][impressions] for window, impressions in pieces])

        labels = {name: _label(name, together(name)) for name in self.labels}
        return self.rules.judge(
            labels, self._policy, lambda row: f"{self.folder}: impression {together('sample_id')[row]}"
        )


def _label(name: str, values: Array) -> Array:
    """Float32 [B], as losses read it. Request ids are numbered within the batch: float32 cannot hold them all."""
    if name == REQUEST:
        values = np.unique(values, return_inverse=True)[1]
    return values.astype(np.float32)
