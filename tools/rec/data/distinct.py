"""The distinct ids of a batch, found in linear time."""

import numpy as np

from rec.kernels.distinct import number
from rec.numeric import Array


class DistinctIds:
    """Finds distinct ids below `num_id` with one int32 of scratch memory per id: no sorting, no hashing."""

    def __init__(self, num_id: int) -> None:
        self._slot = np.full(num_id, -1, np.int32)

    def __call__(self, *blocks: Array) -> tuple[Array, list[Array]]:
        """Distinct ids over all blocks, integers [T] each: int64 [N] in order of first appearance, and for each block
        the index of every token's id among them, int32 [T]."""
        rows = np.empty(sum(map(len, blocks)), np.int64)
        found = 0
        positions = []
        for ids in blocks:
            where = np.empty(len(ids), np.int32)
            found = number(ids, self._slot, rows, found, where)
            positions.append(where)
        rows = rows[:found].copy()
        self._slot[rows] = -1
        return rows, positions
