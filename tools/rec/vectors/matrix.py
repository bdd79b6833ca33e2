"""The rows of a trained table as vectors."""

from __future__ import annotations

from typing import Any

from rec.numeric import Array
from rec.scoring.checkpoint import Checkpoint
from rec.vectors.impressions import split


def vectors(checkpoint: Checkpoint, ids: Array) -> dict[str, Array]:
    """The vectors of rows of one field, int64 [n], float32 [n, width] by name.

    `vector`; or `vector_<space>` each where towers have embeddings of their own (ESMM-NS), and `first_order` where an
    interaction keeps numbers of a first order in the table (DeepFM). A field of another width has a `vector` of that.
    """
    if not len(ids):
        return {}
    engine: Any = checkpoint.engine
    for dim, (first, weights) in engine.table.by_width().items():
        if first <= ids[0] < first + len(weights):
            parts = {"vector": dim} if dim else engine.net.row_parts
            return split(weights[ids - first], parts)
    raise IndexError(int(ids[0]))
