"""How a field's vectors become one: weights of its tokens in a sum."""

import numpy as np

from rec.numeric import Array


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
