"""List columns of Arrow tables as ragged arrays."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rec.data.ragged import Ragged
from rec.numeric import Array


def ragged_columns(table: pa.Table, names: list[str], with_values: bool, max_len: int) -> Ragged:
    """The list columns of some fields; `<field>_value` holds a field's values."""
    fields = []
    for name in names:
        weighted = with_values and f"{name}_value" in table.column_names
        values = list_column(table, f"{name}_value")[1] if weighted else None
        fields.append((*list_column(table, name), values))
    return Ragged.from_fields(fields, with_values, max_len)


def list_column(table: pa.Table, name: str) -> tuple[Array, Array]:
    """Where each row's list begins, int64 [R + 1], and all lists end to end."""
    # flatten() leaves out what lies before a sliced chunk's first list, so offsets are counted from there.
    lists = [(chunk.offsets.to_numpy(), chunk.flatten().to_numpy()) for chunk in table.column(name).chunks]
    shifts = np.cumsum([0, *(len(tokens) for _, tokens in lists)])
    starts = [offsets[:-1] - offsets[0] + shift for (offsets, _), shift in zip(lists, shifts, strict=False)]
    return np.concatenate([*starts, shifts[-1:]]).astype(np.int64), np.concatenate([tokens for _, tokens in lists])
