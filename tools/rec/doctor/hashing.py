"""Rows as 64-bit numbers: equal tokens give equal numbers, whatever their order."""

from __future__ import annotations

import numpy as np

from rec.data.batch import Bags
from rec.hashing import mix
from rec.numeric import Array


def bag_hashes(bags: Bags, rows: Array, first_field: int) -> Array:
    """uint64 [R, F]: the sum of the hashes of each bag's tokens, with their field and weight; 0 for an empty bag."""
    slot = np.repeat(np.arange(len(bags.offsets) - 1) % bags.num_field, np.diff(bags.offsets)) + first_field
    tokens = mix(mix(rows[bags.positions]) + slot.astype(np.uint64))
    if bags.weights is not None:
        tokens = mix(tokens + np.ascontiguousarray(bags.weights, np.float32).view(np.uint32))
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(tokens, dtype=np.uint64)])
    return np.asarray(sums[bags.offsets[1:]] - sums[bags.offsets[:-1]]).reshape(-1, bags.num_field)


def column_hashes(batch: list[Array]) -> Array:
    """uint64 [B, C]: a hash of each impression's value in each column of a batch of arrays [B, ...]."""
    hashes = []
    for place, column in enumerate(batch):
        size = len(column)
        raw = np.ascontiguousarray(column).reshape(size, -1).view(np.uint8).astype(np.uint64)
        at = np.arange(raw.shape[1], dtype=np.uint64) * np.uint64(256)
        hashes.append(mix(mix(raw + at).sum(axis=1, dtype=np.uint64) + np.uint64(place)))
    return np.stack(hashes, axis=1)
