"""The reader of a prepared Ali-CCP directory: a user's history is read, moved and pooled once per common row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rec.config.behaviours import REQUEST, LabelKind
from rec.config.config import Config
from rec.config.hyper import build
from rec.data.batch import Bags, Batch
from rec.data.distinct import DistinctIds
from rec.data.labels import Judged, LabelRules
from rec.data.parse import check_field_names
from rec.data.plan import ReadPlan
from rec.data.pooling import token_weights
from rec.data.prepared import (
    IDS,
    VALUES,
    PreparedSchema,
    check_ids,
    check_label,
    check_number_columns,
    check_range,
    read_group,
    read_metadata,
    read_schema,
)
from rec.data.ragged import Ragged
from rec.data.reader import Block, Part, Reader, ReaderSettings, reading_of
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.numeric import Array

WINDOW = 1 << 20
"""Exposures that are shuffled among each other: about 150 MB in memory."""


@dataclass(frozen=True)
class _Group:
    """A row group of an exposure file and the aligned one of its common file."""

    exposures: str
    common: str
    index: int
    rows: int
    first_common_row: int
    common_rows: int
    columns: dict[str, pa.DataType]


@dataclass(frozen=True)
class _Window:
    """Some row groups in memory, and the order in which an epoch visits their exposures."""

    common: Ragged
    own: Ragged
    common_row: Array
    num_common: int
    columns: dict[str, Array]
    order: Array


class ColumnarReader(Reader):
    """Whole batches from the Parquet files that datasets/ali-ccp/prepare.py writes.

    Row groups are visited in a seeded order, WINDOW exposures at a time. Within a window, runs of at most
    `runner.shuffle_chunk` exposures of one common row stay together, and the runs are shuffled: a larger chunk means
    fewer distinct common rows per batch and less work, a smaller one batches closer to independent draws.
    Batch i of an epoch needs only the windows that it lies in, so a resumed run starts reading there.

    Attributes:
        columns: what a batch should hold besides, as stored (`Batch.columns`); a subclass may name some.
        vocabulary_checksum: of the original ids behind the ids; None where schema.json does not say.
    """

    columns: tuple[str, ...] = ()

    def __init__(
        self,
        file_list: list[str],
        config: Config,
        part: Part = "train",
        vocabulary: Vocabulary | None = None,
        rules: LabelRules | None = None,
    ) -> None:
        values = build(ReaderSettings, config)
        self.folder = Path(file_list[0]).parent
        schema = read_schema(self.folder.parent / "schema.json")
        self.num_id = values.sparse_feature_number or schema.id_space
        self.vocabulary_checksum = schema.vocabulary_sha256
        self._check_id_space(schema)
        self.rules = self.rules if rules is None else rules
        self.labels, self._policy = self.rules.columns, config.runner.label_policy
        self._truth = tuple(schema.truth)
        _check_declared(self.folder, "labels", self.labels, [*schema.labels, *schema.columns])
        _check_declared(self.folder, "columns", self.columns, schema.columns)
        self._common, self._own = _split_fields(check_field_names(values.fields), schema)
        self.blocks = tuple(
            block for block in (Block(len(self._common), True), Block(len(self._own), False)) if block.num_field
        )
        self.pooling, self.max_len = values.pooling, values.max_len
        self._chunk = config.runner.shuffle_chunk
        self._groups = _row_groups(self.folder)
        self.file_rows: dict[str, int] = {}
        for group in self._groups:
            self.file_rows[group.exposures] = self.file_rows.get(group.exposures, 0) + group.rows
        self._shared_columns = self._list_columns(self._common)
        always: dict[str, LabelKind] = {"click": "binary", "conversion": "binary"}
        self._kinds = {name: kind for name, kind in {**self.rules.kinds, **always}.items() if name in self.labels}
        for group in self._groups:
            check_number_columns(group.exposures, group.columns, (*self.labels, *self.columns))
        numbers = {"sample_id": pa.int64(), "common_row": pa.int64()}
        numbers |= {name: self._type(name) for name in (*self.labels, *self.columns)}
        truth = {name: pa.float32() for name in self._truth if self._is_everywhere(name)}
        self._own_columns = {**numbers, **truth, **self._list_columns(self._own)}
        self._distinct: DistinctIds | None = None

    def reading(self) -> dict[str, Any]:
        found = reading_of((*self._common, *self._own), self.pooling, self.max_len)
        return found | {"the vocabulary of the prepared data": self.vocabulary_checksum}

    def __len__(self) -> int:
        return sum(group.rows for group in self._groups)

    def _check_id_space(self, schema: PreparedSchema) -> None:
        if schema.id_space > self.num_id:
            raise UserError(
                f"{self.folder.parent}: holds ids up to {schema.id_space - 1}, but the embedding table has "
                f"{self.num_id} rows: set hyper_parameters.sparse_feature_number to {schema.id_space} or more"
            )

    def _type(self, column: str) -> pa.DataType:
        """A number column's type as it is stored."""
        return self._groups[0].columns.get(column, pa.uint8())

    @property
    def _may_be_empty(self) -> tuple[str, ...]:
        return tuple(name for name in self.labels if name != REQUEST)

    def _is_everywhere(self, column: str) -> bool:
        return all(column in group.columns for group in self._groups)

    def _list_columns(self, fields: list[str]) -> dict[str, pa.DataType]:
        """The columns of some fields: their ids, and the values that weigh them where those are needed."""
        values = [f"{name}_value" for name in fields] if self.pooling == "weighted" else []
        return dict.fromkeys(fields, IDS) | {name: VALUES for name in values if self._is_everywhere(name)}

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order. Batch i of rank r is batch i * ranks + r of the whole."""
        total, size = len(self), plan.batch_size
        count = plan.num_batch(total)
        wanted = [
            g for i in range(-(-count // plan.ranks)) if (g := i * plan.ranks + plan.rank) < count and plan.mine(i)
        ]
        windows = self._windows(plan)
        begins = np.cumsum([0, *(sum(group.rows for group in groups) for groups in windows)])
        loaded: dict[int, _Window] = {}
        for batch in wanted:
            start, stop = batch * size, min((batch + 1) * size, total)
            first = int(np.searchsorted(begins, start, "right")) - 1
            last = int(np.searchsorted(begins, stop, "left")) - 1
            for done in [number for number in loaded if number < first]:
                del loaded[done]
            pieces = []
            for number in range(first, last + 1):
                if number not in loaded:
                    loaded[number] = self._load(windows[number], plan, number)
                window = loaded[number]
                begin = int(begins[number])
                pieces.append((window, window.order[max(start - begin, 0) : stop - begin]))
            yield self._assemble(pieces, plan.training)

    def _windows(self, plan: ReadPlan) -> list[list[_Group]]:
        """Row groups by window, in the epoch's order."""
        order = np.arange(len(self._groups))
        if plan.shuffle:
            np.random.default_rng([plan.seed, plan.epoch]).shuffle(order)
        windows: list[list[_Group]] = [[]]
        for group in (self._groups[number] for number in order):
            if windows[-1] and sum(g.rows for g in windows[-1]) + group.rows > WINDOW:
                windows.append([])
            windows[-1].append(group)
        return windows

    def _load(self, groups: list[_Group], plan: ReadPlan, number: int) -> _Window:
        exposures, common = [], []
        first_row = 0
        rows = []
        for group in groups:
            table, shared = self._read(group)
            rows.append(table.column("common_row").to_numpy() - group.first_common_row + first_row)
            first_row += group.common_rows
            exposures.append(table)
            common.append(shared)
        table, with_values = pa.concat_tables(exposures), self.pooling == "weighted"
        common_row = np.concatenate(rows)
        return _Window(
            _ragged(pa.concat_tables(common), self._common, with_values, self.max_len),
            _ragged(table, self._own, with_values, self.max_len),
            common_row,
            first_row,
            {name: table.column(name).to_numpy() for name in self._columns(table)},
            self._order(common_row, plan, number),
        )

    def _read(self, group: _Group) -> tuple[pa.Table, pa.Table]:
        """A row group's exposures and common rows, whose ids and indices are all in range."""
        table = read_group(group.exposures, group.index, self._own_columns, self._may_be_empty)
        shared = read_group(group.common, group.index, self._shared_columns)
        own, common = (f"{path}: row group {group.index}" for path in (group.exposures, group.common))
        check_ids(table, self._own, self.num_id, own)
        check_ids(shared, self._common, self.num_id, common)
        first = group.first_common_row
        check_range(table.column("common_row").to_numpy(), first, first + group.common_rows, f"{own}: a common_row")
        for label, kind in self._kinds.items():
            check_label(table.column(label).to_numpy(), kind, own, label)
        return table, shared

    def _columns(self, table: pa.Table) -> list[str]:
        """The columns that travel with each exposure; simulated data also say its true probabilities."""
        known = [name for name in self._truth if name in table.column_names]
        return list(dict.fromkeys(["sample_id", *self.labels, *self.columns, *known]))

    def _order(self, common_row: Array, plan: ReadPlan, number: int) -> Array:
        """The exposures of a window in the epoch's order, int64 [n]."""
        if not plan.shuffle:
            return np.arange(len(common_row))
        return shuffled_chunks(common_row, self._chunk, np.random.default_rng([plan.seed, plan.epoch, number]))

    def _assemble(self, pieces: list[tuple[_Window, Array]], training: bool) -> Batch:
        """A batch of exposures that lie in one window, or across the border of two."""
        judged = self._judge(pieces)
        counts, noise = {"exposures": len(judged.contradicting), **judged.counts()}, judged.contradicting
        labels = judged.labels
        if training and noise.any():
            kept = np.split(~noise, np.cumsum([len(exposures) for _, exposures in pieces])[:-1])
            pieces = [(window, exposures[some]) for (window, exposures), some in zip(pieces, kept, strict=True)]
            labels, noise = {name: label[~noise] for name, label in labels.items()}, noise[:0]
        shared, own, row_of, columns = [], [], [], []
        first_row = 0
        for window, exposures in pieces:
            rows, (number,) = DistinctIds(window.num_common)(window.common_row[exposures])
            shared.append(window.common.take(rows))
            own.append(window.own.take(exposures))
            row_of.append(number + first_row)
            columns.append({name: values[exposures] for name, values in window.columns.items()})
            first_row += len(rows)
        if self._distinct is None:  # made where it is used: a reader process needs its own, the trainer none
            self._distinct = DistinctIds(self.num_id)
        users, items = Ragged.concatenate(shared), Ragged.concatenate(own)
        rows, positions = self._distinct(users.ids, items.ids)
        bags = []
        for block, where, index in zip((users, items), positions, (np.concatenate(row_of), None), strict=True):
            if block.num_field:
                weights = token_weights(self.pooling, block.offsets, block.values)
                bags.append(Bags(block.num_field, where, block.offsets, weights, index))
        together = {name: np.concatenate([part[name] for part in columns]) for name in columns[0]}
        truth = {name: together[name] for name in self._truth if name in together}
        more = {name: together[name] for name in self.columns}
        left_out = noise if noise.any() else None
        return Batch(rows, tuple(bags), labels, together["sample_id"], left_out, truth, more, counts)

    def _judge(self, pieces: list[tuple[_Window, Array]]) -> Judged:
        """The labels of a batch's exposures, float32 [B] each. Request ids are numbered within the batch."""

        def together(name: str) -> Array:
            return np.concatenate([window.columns[name][exposures] for window, exposures in pieces])

        labels = {name: _label(name, together(name)) for name in self.labels}
        return self.rules.judge(
            labels, self._policy, lambda row: f"{self.folder}: exposure {together('sample_id')[row]}"
        )


def shuffled_chunks(common_row: Array, chunk: int, random: np.random.Generator) -> Array:
    """A random order of exposures, int64 [n], in which runs of one common row stay together, `chunk` at the most.

    A run of neighbours with the same `common_row` (int [n]) is cut from a random offset on, so that over epochs any
    two neighbours are parted.
    """
    n = len(common_row)
    heads = np.flatnonzero(np.concatenate([[True], common_row[1:] != common_row[:-1]]))
    lengths = np.diff([*heads, n])
    within = np.arange(n) - np.repeat(heads, lengths)
    shift = np.repeat(random.integers(0, chunk, len(heads)), lengths)
    starts = np.flatnonzero((within == 0) | ((within + shift) % chunk == 0))
    sizes = np.diff([*starts, n])
    order = random.permutation(len(starts))
    first = np.repeat(starts[order], sizes[order])
    ends = np.cumsum(sizes[order])
    return first + np.arange(n) - np.repeat(ends - sizes[order], sizes[order])


def _label(name: str, values: Array) -> Array:
    """Float32 [B], as losses read it. Request ids are numbered within the batch: float32 cannot hold them all."""
    if name == REQUEST:
        values = np.unique(values, return_inverse=True)[1]
    return values.astype(np.float32)


def _check_declared(folder: Path, what: str, wanted: tuple[str, ...], declared: list[str]) -> None:
    if not set(wanted) <= set(declared):
        raise UserError(
            f"{folder}: has {what} {', '.join(declared) or '(none)'}; expected {', '.join(wanted)}: "
            "prepare.py takes what behaviours_*.parquet beside the raw files holds"
        )


def _split_fields(names: tuple[str, ...], schema: PreparedSchema) -> tuple[list[str], list[str]]:
    """The wanted fields of common rows and of exposures' own."""
    is_common = {field.name: field.common for field in schema.fields}
    unknown = [name for name in names if name not in is_common]
    if unknown:
        raise UserError(
            f"hyper_parameters.fields: the data has no {', '.join(unknown)} (it has {', '.join(is_common)})"
        )
    common = [name for name in names if is_common[name]]
    own = [name for name in names if not is_common[name]]
    if (*common, *own) != names:
        raise UserError(f"hyper_parameters.fields: common fields come first here: {[*common, *own]}")
    return common, own


def _row_groups(folder: Path) -> list[_Group]:
    groups = []
    for exposures in sorted(folder.glob("exposures-*.parquet")):
        common = exposures.with_name(exposures.name.replace("exposures", "common"))
        (own_rows, own), (shared_rows, shared) = read_metadata(exposures), read_metadata(common)
        if len(own_rows) != len(shared_rows):
            raise UserError(f"{exposures} and {common.name} differ in row groups: prepare the data again")
        first = 0
        for index, (rows, common_rows) in enumerate(zip(own_rows, shared_rows, strict=True)):
            groups.append(_Group(str(exposures), str(common), index, rows, first, common_rows, own | shared))
            first += common_rows
    if not groups:
        raise UserError(f"{folder}: holds no exposures-*.parquet; expected a folder that prepare.py wrote")
    return groups


def _ragged(table: pa.Table, names: list[str], with_values: bool, max_len: int) -> Ragged:
    """The list columns of some fields; `<field>_value` holds a field's values."""
    fields = []
    for name in names:
        weighted = with_values and f"{name}_value" in table.column_names
        values = _list_column(table, f"{name}_value")[1] if weighted else None
        fields.append((*_list_column(table, name), values))
    return Ragged.from_fields(fields, with_values, max_len)


def _list_column(table: pa.Table, name: str) -> tuple[Array, Array]:
    """Where each row's list begins, int64 [R + 1], and all lists end to end."""
    # flatten() leaves out what lies before a sliced chunk's first list, so offsets are counted from there.
    lists = [(chunk.offsets.to_numpy(), chunk.flatten().to_numpy()) for chunk in table.column(name).chunks]
    shifts = np.cumsum([0, *(len(tokens) for _, tokens in lists)])
    starts = [offsets[:-1] - offsets[0] + shift for (offsets, _), shift in zip(lists, shifts, strict=False)]
    return np.concatenate([*starts, shifts[-1:]]).astype(np.int64), np.concatenate([tokens for _, tokens in lists])
