"""A row group as Arrow tables: exposures with their own tokens, and the common rows that they refer to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from preparation.arrow import numbers, strings
from preparation.counted import POSITION_FIELD
from preparation.parts import Part
from preparation.rows import fields_of
from preparation.side import SideColumns
from preparation.vocabulary import Vocabulary

_IDS = pa.list_(pa.field("element", pa.int32(), nullable=False))
_VALUES = pa.list_(pa.field("element", pa.float32(), nullable=False))


class Positions(NamedTuple):
    """The position field's ids: 1 .. highest follow the offset, which is the id of all positions beyond."""

    offset: int
    highest: int

    def ids(self, position: np.ndarray) -> pa.Array:
        """Lists of one id each for positions [n]."""
        known = (position >= 1) & (position <= self.highest)
        ids = (self.offset + np.where(known, position, 0)).astype(np.int32)
        return pa.ListArray.from_arrays(numbers(np.arange(len(ids) + 1, dtype=np.int32)), numbers(ids), type=_IDS)


class Group(NamedTuple):
    """One row group of one of a part's two tables."""

    table: pa.Table
    stored: np.ndarray
    """int64 [fields]: tokens."""
    unknown: np.ndarray
    """int64 [fields]: tokens whose id is out of vocabulary."""
    exposures: int
    """Exposures in the group, whichever table it is."""


@dataclass(frozen=True)
class Tables:
    """Makes a part's row groups."""

    part: Part
    vocabulary: Vocabulary
    weighted: frozenset[str]
    """Names of the fields whose values are kept."""
    sides: Sequence[SideColumns]
    positions: Positions | None

    def own(self, groups: range) -> Iterator[Group]:
        """The exposures of consecutive groups that share a file; ``common_row`` counts within it."""
        spool, before = self.part.own, 0
        for group in groups:
            rows = self.part.exposures(group)
            common, place = self.part.common_rows(rows)
            label, number, lengths = (spool.take(name, rows) for name in ("label", "number", "lengths"))
            columns = {
                "sample_id": numbers(number),
                "click": numbers(label & 1),
                "conversion": numbers(label >> 1),
                "common_row": numbers((place + before).astype(np.int32)),
            }
            before += len(common)
            tokens = spool.read_tokens(spool.take("offset", rows), lengths.sum(axis=1, dtype=np.int64))
            lists, stored, unknown = self._lists(tokens, lengths, False)
            beside = {name: values for side in self.sides for name, values in side.take(number).items()}
            if self.positions:
                lists[POSITION_FIELD] = self.positions.ids(beside["position"])
            known = {name: numbers(values) for name, values in beside.items()}
            yield Group(_table(columns | lists | known), stored, unknown, len(rows))

    def common(self, groups: range) -> Iterator[Group]:
        """The common rows of consecutive groups, each group's by first appearance."""
        spool = self.part.common
        keys, all_lengths, offset = (spool.column(name) for name in ("key", "lengths", "offset"))
        for group in groups:
            exposures = self.part.exposures(group)
            rows, _ = self.part.common_rows(exposures)
            lengths = all_lengths[rows]
            tokens = spool.read_tokens(offset[rows], lengths.sum(axis=1, dtype=np.int64))
            lists, stored, unknown = self._lists(tokens, lengths, True)
            names = {"common_feature_index": strings([f"{value:016x}" for value in keys[rows].tolist()])}
            yield Group(_table(names | lists), stored, unknown, len(exposures))

    def _lists(
        self, tokens: np.ndarray, lengths: np.ndarray, common: bool
    ) -> tuple[dict[str, pa.Array], np.ndarray, np.ndarray]:
        """(columns of lists by name, tokens by field, out-of-vocabulary tokens by field)."""
        stored = lengths.sum(axis=0, dtype=np.int64)
        first = np.cumsum(stored) - stored
        ids, bits, unknown = _by_field(tokens, lengths, first, *self.vocabulary.lookups[common])
        columns = {}
        for number, field in enumerate(fields_of(common)):
            own = slice(first[number], first[number] + stored[number])
            ends = numbers(np.append(0, np.cumsum(lengths[:, number], dtype=np.int32)).astype(np.int32))
            columns[field.name] = pa.ListArray.from_arrays(ends, numbers(ids[own]), type=_IDS)
            if field.name in self.weighted:
                values = numbers(bits[own].view(np.float32))
                columns[f"{field.name}_value"] = pa.ListArray.from_arrays(ends, values, type=_VALUES)
        return columns, stored, unknown


def _table(columns: dict[str, pa.Array]) -> pa.Table:
    """A table without missing values."""
    table = pa.table(columns)
    return table.cast(pa.schema([field.with_nullable(False) for field in table.schema]))


@njit(nogil=True, cache=True)
def _by_field(
    tokens: np.ndarray, lengths: np.ndarray, first: np.ndarray, table: np.ndarray, base: np.ndarray, unknown: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens row after row to (new ids, value bits, unknown per field), field after field: a field's begin at first."""
    ids, bits = np.empty(len(tokens), np.int32), np.empty(len(tokens), np.int32)
    missed = np.zeros(len(first), np.int64)
    place = first.copy()
    token = 0
    for row in range(lengths.shape[0]):
        for field in range(lengths.shape[1]):
            for _ in range(lengths[row, field]):
                original, new = tokens[token, 0], 0
                if original < base[field + 1] - base[field]:
                    new = table[base[field] + original]
                if new == 0:
                    new = unknown[field]
                    missed[field] += 1
                ids[place[field]], bits[place[field]] = new, tokens[token, 1]
                place[field] += 1
                token += 1
    return ids, bits, missed
