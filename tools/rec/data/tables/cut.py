"""Batches of rows whose texts Arrow can hold: its strings, and what becomes of a dictionary's, end at 2 GiB."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from rec.data.spelling import is_text

MOST = 1 << 30
"""Bytes of a batch's column."""


def in_batches(table: pa.Table) -> pa.Table:
    """The same rows in batches none of whose columns has more than MOST bytes, unless a row alone does."""
    return pa.Table.from_batches([part for batch in table.to_batches() for part in _cut(batch)], table.schema)


def _cut(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    if batch.num_rows < 2 or max(map(_bytes, batch.columns), default=0) <= MOST:
        return [batch]
    half = batch.num_rows // 2
    return [*_cut(batch.slice(0, half)), *_cut(batch.slice(half))]


def _bytes(values: pa.Array) -> int:
    """Of a column; of a dictionary's texts the most that they can become in the rows."""
    if pa.types.is_dictionary(values.type) and is_text(values.type.value_type):
        return len(values) * int(pc.max(pc.binary_length(values.dictionary)).as_py() or 0)
    return int(values.nbytes)
