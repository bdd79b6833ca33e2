"""Which ids a field has in lines of text, whose fields share all ids: they are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rec.console import Bar, log
from rec.data.batch import Bags
from rec.data.raw_ids import RawIdReader
from rec.numeric import Array
from rec.scoring.checkpoint import Checkpoint
from rec.vectors.impressions import read


def counted(checkpoint: Checkpoint, names: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Each field's ids in the training data that are there now, with how often they occur; as `field_rows` has them.

    Raises:
        UserError: the data are not there, or cannot be read.
    """
    assert isinstance(checkpoint.reader, RawIdReader)
    hashed, num_id = checkpoint.reader.hashed, checkpoint.reader.num_id
    if hashed:
        log.warning("lines of hashed ids: a row is that of all ids with its hash, and the original ids are not known")
    counts = {name: np.zeros(num_id, np.int64) for name in names}
    length, batches = read(checkpoint, "train")
    with Bar("counting ids", length) as bar:
        for batch in batches:
            for bags in batch.bags:
                _count(bags.as_fields(), batch.rows, counts)
            bar.advance(len(batch))
    for name, own in counts.items():
        ids = np.flatnonzero(own)
        values: Any = pa.nulls(len(ids), pa.string()) if hashed else pa.array(ids).cast(pa.string())
        kinds = ["bucket" if hashed else "id"] * len(ids)
        yield name, pa.table({"kind": pa.array(kinds, pa.string()), "value": values, "id": ids, "count": own[ids]})


def _count(bags: Bags, rows: Array, counts: dict[str, Array]) -> None:
    field_of = np.repeat(np.arange(len(bags.offsets) - 1) % bags.num_field, np.diff(bags.offsets))
    for at, name in enumerate(bags.fields):
        if name in counts:
            ids, times = np.unique(bags.positions[field_of == at], return_counts=True)
            counts[name][rows[ids]] += times
