"""Rows of a user's table as the network and its losses read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data.labels import Judged
from rec.data.plan import ReadPlan, shuffled_chunks
from rec.data.ragged import Ragged
from rec.data.tables.cut import MOST
from rec.numeric import Array


@dataclass(frozen=True)
class Encoded:
    """R rows.

    Attributes:
        tokens: ids of their fields.
        judged: their labels.
        sample_ids: int64 or text [R]; Arrow's, as NumPy's texts would all be as wide as the longest one.
        requests: text [R], what request each belongs to, where that is asked for.
        places: int64 [R], their numbers among all rows that are read.
        numbers: float32 [R, N], fields that are numbers; None: there are none.
        kept: columns that predictions pass on, Arrow's arrays [R].
        keys: uint64 [R], whose rows share fields; None: nobody's.
        by: columns that metrics ask for, Arrow's arrays [R] by `Column.key`.
    """

    tokens: Ragged
    judged: Judged
    sample_ids: pa.Array
    requests: pa.Array | None
    places: Array
    numbers: Array | None = None
    kept: dict[str, pa.Array] = field(default_factory=dict)
    keys: Array | None = None
    by: dict[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.places)

    def take(self, rows: Array) -> Encoded:
        """The given rows, int64 [N], in that order."""
        index = pa.array(rows)
        requests = None if self.requests is None else self.requests.take(index)
        return Encoded(
            self.tokens.take(rows),
            self.judged.take(rows),
            self.sample_ids.take(index),
            requests,
            self.places[rows],
            None if self.numbers is None else self.numbers[rows],
            {name: values.take(index) for name, values in self.kept.items()},
            None if self.keys is None else self.keys[rows],
            {key: values.take(index) for key, values in self.by.items()},
        )

    @staticmethod
    def join(parts: Sequence[Encoded]) -> Encoded:
        """The rows of all parts, in order."""
        if len(parts) == 1:
            return parts[0]
        requests = [part.requests for part in parts if part.requests is not None]
        return Encoded(
            Ragged.concatenate([part.tokens for part in parts]),
            Judged.join([part.judged for part in parts]),
            pa.concat_arrays([part.sample_ids for part in parts]),
            pa.concat_arrays(requests) if requests else None,
            np.concatenate([part.places for part in parts]),
            _joined([part.numbers for part in parts]),
            {name: together([part.kept[name] for part in parts]) for name in parts[0].kept},
            _joined([part.keys for part in parts]),
            {key: together([part.by[key] for part in parts]) for key in parts[0].by},
        )


def _joined(arrays: Sequence[Array | None]) -> Array | None:
    there = [array for array in arrays if array is not None]
    return np.concatenate(there) if there else None


def together(arrays: Sequence[pa.Array]) -> pa.Array:
    """One array; of texts where files have a column in different types, or more than a string of Arrow's can hold."""
    alike = len({array.type for array in arrays}) == 1
    if alike and pa.types.is_string(arrays[0].type):
        alike = sum(array.nbytes for array in arrays) < MOST
    return pa.concat_arrays([array if alike else array.cast(pa.large_string()) for array in arrays])


@dataclass(frozen=True)
class Window:
    """Rows in memory, and the order in which an epoch visits them, int64 [n]."""

    rows: Encoded
    order: Array

    @classmethod
    def of(cls, parts: list[Encoded], plan: ReadPlan, chunk: int, *number: int) -> Window:
        """Parts together, shuffled as the plan says; rows of one request stay together, or else `chunk` that share."""
        rows = Encoded.join(parts)
        if plan.shuffle and rows.requests is None and rows.keys is not None:
            return cls(rows, shuffled_chunks(rows.keys, chunk, np.random.default_rng([plan.seed, plan.epoch, *number])))
        group = None if rows.requests is None else codes(rows.requests)
        return cls(rows, plan.order(len(rows), group, *number))

    def only(self, kept: Array | None) -> Window:
        """The same without rows that are not kept, bool by their numbers among all rows; None: all are."""
        return self if kept is None else Window(self.rows, self.order[kept[self.rows.places[self.order]]])


def codes(texts: pa.Array) -> Array:
    """A number for each of some texts, int64 [R], from 0; one of its own for each empty one, which equals none."""
    found = texts.dictionary_encode().indices.to_numpy().astype(np.int64)
    empty = np.flatnonzero(pc.equal(texts, ""))
    found[empty] = found.max(initial=0) + 1 + np.arange(len(empty))
    return found
