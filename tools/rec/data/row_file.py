"""The rows of a prepared table's part: ids, labels and numbers in an Arrow file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from rec.config.behaviours import REQUEST
from rec.data.encoded import Encoded
from rec.data.labels import Judged
from rec.data.prepared_table import AGAIN, MANIFEST
from rec.data.ragged import Ragged
from rec.errors import UserError
from rec.numeric import Array


@dataclass(frozen=True)
class RowFile:
    """A part's file.

    Attributes:
        path: where it is.
        num_field, num_id: fields that have ids, and how many ids there are.
        num_number: columns of numbers.
    """

    path: Path
    num_field: int
    num_id: int
    num_number: int
    _opened: list[pa.RecordBatchFileReader] = field(default_factory=list, repr=False)

    def open(self, rows: Sequence[int]) -> None:
        """Look at it, before anything else is done.

        Raises:
            UserError: it is missing or damaged, or has another number of batches than was written.
        """
        try:
            self._opened[:] = [pa.ipc.open_file(pa.memory_map(str(self.path)))]
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{self.path}: cannot be read: {error}: {AGAIN}") from None
        if self._opened[0].num_record_batches != len(rows):
            raise UserError(f"{self.path}: is not what {MANIFEST} says: {AGAIN}")

    def batch(self, index: int, rows: int) -> pa.RecordBatch:
        """A record batch, whose every array is whole."""
        try:
            batch = self._opened[0].get_batch(index)
            batch.validate(full=True)
            _ = batch.schema.names
        except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
            raise UserError(f"{self.path}: piece {index + 1}: cannot be read: {error}: {AGAIN}") from None
        if batch.num_rows != rows:
            raise UserError(f"{self.path}: piece {index + 1}: {batch.num_rows} rows, expected {rows}: {AGAIN}")
        return batch

    def has(self, column: str) -> bool:
        """Whether there is a column of that name."""
        return column in self._opened[0].schema.names

    def tokens(self, batch: pa.RecordBatch, weighted: bool) -> Ragged:
        """The ids of a batch's rows, in range: kernels index with them and do not look.

        Raises:
            UserError: they are not.
        """
        if not self.num_field:
            return Ragged(0, np.zeros(1, np.int32), np.empty(0, np.int32), None)
        lists = self._lists(batch, "ids", pa.int32())
        offsets, ids = lists.offsets.to_numpy(), lists.values.to_numpy()
        if len(ids) and not (ids.min() >= 0 and ids.max() < self.num_id):
            raise UserError(f"{self.path}: an id is not below {self.num_id}: {AGAIN}")
        if not weighted:
            return Ragged(self.num_field, offsets, ids, None)
        values = self._lists(batch, "weights", pa.float32()).values.to_numpy()
        if len(values) != len(ids):
            raise UserError(f"{self.path}: has another number of weights than of ids: {AGAIN}")
        return Ragged(self.num_field, offsets, ids, values)

    def _lists(self, batch: pa.RecordBatch, name: str, kind: pa.DataType) -> pa.ListArray:
        expected = pa.list_(pa.list_(kind), self.num_field)
        lists = self.found(batch, name, expected).values
        if lists.null_count or lists.offsets[0].as_py() != 0 or lists.values.null_count:
            raise UserError(f"{self.path}: column {name} is damaged: {AGAIN}")
        return lists

    def found(self, batch: pa.RecordBatch, name: str, *kinds: pa.DataType) -> pa.Array:
        """A column that is of one of some types, if any are said."""
        at = batch.schema.get_field_index(name)
        if at < 0 or (kinds and (batch.schema.field(at).type not in kinds or batch.column(at).null_count)):
            raise UserError(f"{self.path}: has no whole column {name}: {AGAIN}")
        return batch.column(at)

    def numbers(self, batch: pa.RecordBatch) -> Array | None:
        """float32 [n, N]; None where there are none."""
        if not self.num_number:
            return None
        lists = self.found(batch, "numbers", pa.list_(pa.float32(), self.num_number))
        return np.asarray(lists.values.to_numpy()).reshape(len(lists), self.num_number)

    def label(self, batch: pa.RecordBatch, name: str) -> Array:
        """float32 [n], NaN where it is not known."""
        return np.asarray(self.found(batch, f"label {name}", pa.float32()).to_numpy(zero_copy_only=False))


def as_batch(rows: Encoded, texts: Collection[str]) -> pa.RecordBatch:
    """Rows as a record batch; `texts` are columns to write as such: every batch of a file has the same types."""
    tokens, arrays = rows.tokens, dict[str, pa.Array]()
    if tokens.num_field:
        offsets = pa.array(tokens.offsets)
        ids = pa.ListArray.from_arrays(offsets, pa.array(tokens.ids))
        arrays["ids"] = pa.FixedSizeListArray.from_arrays(ids, tokens.num_field)
        if tokens.values is not None:
            weights = pa.ListArray.from_arrays(offsets, pa.array(tokens.values))
            arrays["weights"] = pa.FixedSizeListArray.from_arrays(weights, tokens.num_field)
    arrays["sample_id"] = rows.sample_ids
    if rows.requests is not None:
        arrays["request"] = rows.requests
    if rows.numbers is not None:
        arrays["numbers"] = pa.FixedSizeListArray.from_arrays(pa.array(rows.numbers.reshape(-1)), rows.numbers.shape[1])
    if rows.keys is not None:
        arrays["key"] = pa.array(rows.keys)
    arrays |= {f"label {name}": pa.array(values) for name, values in rows.judged.labels.items() if name != REQUEST}
    for name, values in rows.kept.items():
        arrays[f"kept {name}"] = values.cast(pa.large_string()) if name in texts else values
    arrays |= {f"by {key}": values for key, values in rows.by.items()}
    return pa.RecordBatch.from_pydict(arrays)


def as_encoded(
    file: RowFile,
    batch: pa.RecordBatch,
    first: int,
    weighted: bool,
    judged: Judged,
    requests: bool,
    keep: Sequence[str],
    shared: bool,
    by: Sequence[str],
) -> Encoded:
    """The reverse, with labels that were looked at."""
    text, number = pa.large_string(), pa.int64()
    return Encoded(
        file.tokens(batch, weighted),
        judged,
        file.found(batch, "sample_id", text, number),
        file.found(batch, "request", text) if requests else None,
        np.arange(first, first + batch.num_rows),
        file.numbers(batch),
        {name: file.found(batch, f"kept {name}") for name in keep},
        file.found(batch, "key", pa.uint64()).to_numpy() if shared else None,
        {key: file.found(batch, f"by {key}", pa.uint64(), pa.float64(), text) for key in by},
    )
