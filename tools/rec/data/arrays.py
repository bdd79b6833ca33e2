"""A batch as the named arrays that an inference model takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rec.data.batch import Batch
from rec.numeric import Array


def inputs(batch: Batch, columns: Sequence[str]) -> dict[str, Array]:
    """The arrays of a batch by the program's input names: int64 [T] ids, int64 [R * F + 1] offsets, ...

    Of the `columns` each is float32 [B].
    """
    arrays: dict[str, Array] = {}
    for index, bags in enumerate(batch.bags):
        arrays[f"ids_{index}"] = batch.rows[bags.positions]
        arrays[f"offsets_{index}"] = bags.offsets.astype(np.int64)
        if bags.weights is not None:
            arrays[f"weights_{index}"] = bags.weights
        if bags.row_index is not None:
            arrays[f"row_index_{index}"] = bags.row_index.astype(np.int64)
    if batch.numbers is not None:
        arrays["numbers"] = batch.numbers
    return arrays | {name: batch.labels[name] for name in columns}
