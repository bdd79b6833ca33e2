"""Row groups of prepared data in memory, checked: kernels index with what they hold and do not look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rec.config.behaviours import REQUEST, LabelKind
from rec.data.arrow_lists import ragged_columns
from rec.data.plan import ReadPlan, shuffled_chunks
from rec.data.prepared import IDS, VALUES, check_ids, check_label, check_number_columns, check_range, read_group
from rec.data.ragged import Ragged
from rec.data.row_groups import Group
from rec.numeric import Array


@dataclass(frozen=True)
class Part:
    """A row group.

    Attributes:
        common, own: tokens of the fields of common rows, and of the impressions' own fields.
        common_row: int32 [n], the common row of each impression, from 0.
        num_common: common rows.
        columns: numbers of each impression, [n], as they are stored.
    """

    common: Ragged
    own: Ragged
    common_row: Array
    num_common: int
    columns: dict[str, Array]


@dataclass(frozen=True)
class Window(Part):
    """Some row groups, and the order in which an epoch visits their impressions.

    Attributes:
        order: int64 [n].
    """

    order: Array


@dataclass(frozen=True)
class WindowLoader:
    """What is read of row groups.

    Attributes:
        groups: all of the data.
        common, own: field names.
        labels, columns: number columns that are read of every impression.
        truth: number columns that only simulated data have.
        kinds: what labels may hold.
        num_id: ids are below it.
        weighted: whether tokens' values are read.
        max_len: tokens kept per row and field; 0: all.
        chunk: how many impressions of one common row stay together when they are shuffled.

    Raises:
        UserError: a column is of another type, or holds what it may not.
    """

    groups: Sequence[Group]
    common: Sequence[str]
    own: Sequence[str]
    labels: Sequence[str]
    columns: Sequence[str]
    truth: Sequence[str]
    kinds: Mapping[str, LabelKind]
    num_id: int
    weighted: bool
    max_len: int
    chunk: int

    def __post_init__(self) -> None:
        for group in self.groups:
            check_number_columns(group.impressions, group.columns, (*self.labels, *self.columns))

    def read(self, group: Group) -> Part:
        """A row group. Made into arrays at once: the table takes as much again, and a window has many groups."""
        table, shared = self._tables(group)
        names = dict.fromkeys(["sample_id", *self.labels, *self.columns, *self._truth])
        return Part(
            ragged_columns(shared, [*self.common], self.weighted, self.max_len),
            ragged_columns(table, [*self.own], self.weighted, self.max_len),
            (table.column("common_row").to_numpy() - group.first_common_row).astype(np.int32),
            group.common_rows,
            {name: table.column(name).to_numpy() for name in names},
        )

    def label(self, group: Group, name: str) -> Array:
        """A label of a row group's impressions, float32 [n], NaN where it is not known."""
        table = read_group(group.impressions, group.index, {name: pa.float32()}, (name,))
        return np.asarray(table.column(name).to_numpy())

    def join(
        self, parts: list[Part], plan: ReadPlan, number: int, groups: Sequence[Group], kept: Array | None = None
    ) -> Window:
        """Window `number` of an epoch, which consists of these row groups.

        `kept`, bool by impressions of all of the data: its order has no others.
        """
        firsts = np.cumsum([0, *(part.num_common for part in parts)], dtype=np.int32)
        common_row = np.concatenate([part.common_row + first for part, first in zip(parts, firsts, strict=False)])
        order = self._order(common_row, plan, number)
        if kept is not None:
            order = order[np.concatenate([kept[group.first : group.first + group.rows] for group in groups])[order]]
        return Window(
            Ragged.concatenate([part.common for part in parts]),
            Ragged.concatenate([part.own for part in parts]),
            common_row,
            int(firsts[-1]),
            {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns},
            order,
        )

    def _tables(self, group: Group) -> tuple[pa.Table, pa.Table]:
        """A row group's impressions and common rows, whose ids and indices are all in range."""
        numbers = {"sample_id": pa.int64(), "common_row": pa.int64()}
        numbers |= {name: self._type(name) for name in (*self.labels, *self.columns)}
        numbers |= dict.fromkeys(self._truth, pa.float32())
        may_be_empty = tuple(name for name in self.labels if name != REQUEST)
        table = read_group(group.impressions, group.index, numbers | self._lists(self.own), may_be_empty)
        shared = read_group(group.common, group.index, self._lists(self.common))
        own, common = (f"{path}: row group {group.index}" for path in (group.impressions, group.common))
        check_ids(table, [*self.own], self.num_id, own)
        check_ids(shared, [*self.common], self.num_id, common)
        first = group.first_common_row
        check_range(table.column("common_row").to_numpy(), first, first + group.common_rows, f"{own}: a common_row")
        for label, kind in self.kinds.items():
            check_label(table.column(label).to_numpy(), kind, own, label)
        return table, shared

    def _lists(self, fields: Sequence[str]) -> dict[str, pa.DataType]:
        """The columns of some fields: their ids, and the values that weigh them where those are needed."""
        values = [f"{name}_value" for name in fields] if self.weighted else []
        return dict.fromkeys(fields, IDS) | {name: VALUES for name in values if self._is_everywhere(name)}

    def _type(self, column: str) -> pa.DataType:
        """A number column's type as it is stored."""
        return self.groups[0].columns.get(column, pa.uint8())

    def _is_everywhere(self, column: str) -> bool:
        return all(column in group.columns for group in self.groups)

    @property
    def _truth(self) -> list[str]:
        return [name for name in self.truth if self._is_everywhere(name)]

    def _order(self, common_row: Array, plan: ReadPlan, number: int) -> Array:
        if not plan.shuffle:
            return np.arange(len(common_row))
        return shuffled_chunks(common_row, self.chunk, np.random.default_rng([plan.seed, plan.epoch, number]))
