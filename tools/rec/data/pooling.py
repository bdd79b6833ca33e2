"""How a field's vectors become one: weights of its tokens in a sum."""

from collections.abc import Sequence

import numpy as np

from rec.numeric import Array


def field_weights(poolings: Sequence[str], offsets: Array, values: Array | None) -> Array | None:
    """The same for rows of fields each of which has its own pooling; `offsets` bound a row's fields in turn."""
    if len(set(poolings)) == 1:
        return token_weights(poolings[0], offsets, values)
    lengths = np.diff(offsets)
    kinds = np.repeat(np.tile(np.array(poolings), len(lengths) // len(poolings)), lengths)
    means = np.repeat((1.0 / np.maximum(lengths, 1)).astype(np.float32), lengths)
    given = np.ones(len(means), np.float32) if values is None else values
    return np.where(kinds == "mean", means, np.where(kinds == "weighted", given, np.float32(1)))


def token_weights(pooling: str, offsets: Array, values: Array | None) -> Array | None:
    """float32 [T] weights of tokens in bags bounded by `offsets`; None where every weight is 1.

    `sum`: 1. `mean`: 1 / tokens in the bag. `weighted`: `values`, float32 [T].
    """
    if pooling == "weighted":
        return values
    if pooling == "sum":
        return None
    lengths = np.diff(offsets)
    return np.repeat((1.0 / np.maximum(lengths, 1)).astype(np.float32), lengths)
