"""Rows of a PaddleRec reader become batches as Paddle's DataLoader makes them, with arrays for tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rec.errors import UserError
from rec.numeric import Array


def collate(rows: Sequence[Any]) -> Any:
    """One batch of rows of equal structure: arrays and numbers are stacked, [B, ...]; lists and mappings are entered.

    Raises:
        UserError: the rows differ in structure or shape.
    """
    first = rows[0]
    if isinstance(first, str | bytes):
        return list(rows)
    if isinstance(first, Mapping):
        return {key: collate([row[key] for row in rows]) for key in first}
    if isinstance(first, list | tuple):
        lengths = sorted({len(row) for row in rows})
        if len(lengths) > 1:
            raise UserError(f"the reader yields rows of {lengths[0]} and of {lengths[-1]} values, which make no batch")
        return [collate(column) for column in zip(*rows, strict=True)]
    return _stack(rows)


def as_arrays(batch: Any) -> Any:
    """A batch that the reader made itself: tensors become arrays, everything else stays as it is."""
    if isinstance(batch, str | bytes):
        return batch
    if isinstance(batch, Mapping):
        return {key: as_arrays(value) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return [as_arrays(value) for value in batch]
    return np.asarray(batch) if hasattr(batch, "__array__") else batch


def _stack(values: Sequence[Any]) -> Array:
    try:
        stacked = np.array(values)  # `np.stack` takes three times as long for many small arrays
    except ValueError:  # shapes differ
        stacked = np.empty(0, object)
    if stacked.dtype != object:
        return stacked
    arrays = [np.asarray(value) for value in values]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) > 1:
        raise UserError(
            f"the reader yields rows of different shapes ({shapes[0]} and {shapes[-1]}), which make no batch; "
            "pad them to one length"
        )
    return np.stack(arrays)
