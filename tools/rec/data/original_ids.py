"""What the original ids of prepared data are as ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rec.errors import UserError
from rec.numeric import Array


class OriginalIds:
    """What prepare.py's vocabulary.parquet says: the id of each field's original id.

    Raises:
        UserError: the file is missing or is no such vocabulary.
    """

    def __init__(self, path: Path) -> None:
        try:
            table = pq.read_table(path, columns=["field", "original_id", "id"])
        except (OSError, KeyError, pa.ArrowException) as error:
            raise UserError(f"{path}: is no vocabulary of prepared data: {error}") from None
        self._known: dict[str, tuple[Array, Array]] = {}
        for name in pc.unique(table["field"]).to_pylist():
            own = table.filter(pc.equal(table["field"], name))
            original, ids = own["original_id"].to_numpy(), own["id"].to_numpy()
            order = np.argsort(original, kind="stable")
            self._known[name] = original[order].astype(np.int64), ids[order].astype(np.int32)

    def find(self, field: str, values: Array, unknown: int) -> Array:
        """int32 [T] ids of original ones, int64 [T]; `unknown` for those that training has not seen."""
        original, ids = self._known.get(field, (np.empty(0, np.int64), np.empty(0, np.int32)))
        if not len(original):
            return np.full(len(values), unknown, np.int32)
        place = np.minimum(np.searchsorted(original, values), len(original) - 1)
        return np.where(original[place] == values, ids[place], np.int32(unknown))

    def example(self, field: str, number: int) -> int | None:
        """One of a field's original ids; None: it has none."""
        original, _ = self._known.get(field, (np.empty(0, np.int64), np.empty(0, np.int32)))
        return int(original[number % len(original)]) if len(original) else None
