"""Original ids with their counts: what vocabulary.parquet and waiting.parquet hold, and the checksums of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from fields import FIELDS

POSITION_FIELD = "position_id"
"""A field of the positions within requests, where the data tell them."""
WAITING = "waiting.parquet"
"""Ids that have not occurred often enough yet, and how often they have."""


@dataclass(frozen=True)
class Counted:
    """Ids of a field, int64 [n], and how often each has occurred, int64 [n]."""

    ids: np.ndarray
    counts: np.ndarray

    @classmethod
    def nothing(cls) -> "Counted":
        """No ids."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))


def read_counted(path: Path) -> dict[str, Counted]:
    """What vocabulary.parquet or waiting.parquet says by field, in the file's order; raises what pyarrow does."""
    table = pq.read_table(path, columns=["field", "original_id", "count"]).unify_dictionaries()
    names = table["field"].combine_chunks()
    codes, texts = names.indices.to_numpy(), names.dictionary.to_pylist()
    ids, counts = table["original_id"].to_numpy(), table["count"].to_numpy()
    return {text: Counted(ids[codes == code], counts[codes == code]) for code, text in enumerate(texts)}


def placed(sizes: Mapping[str, int], highest: int | None) -> list[dict[str, Any]]:
    """The fields one behind the other: name, offset and size of each, the positions' last if there are any."""
    found: list[dict[str, Any]] = []
    offset = 0
    every = dict(sizes) if highest is None else {**sizes, POSITION_FIELD: 1 + highest}
    for name, size in every.items():
        found.append({"name": name, "offset": offset, "size": size})
        offset += size
    return found


def vocabulary_sha256(known: Mapping[str, Counted], counts: bool = False) -> str:
    """SHA-256 of each field's name and original ids, in their order, and if so asked of their counts."""
    found = sha256()
    for field in FIELDS:
        one = known.get(field.name, Counted.nothing())
        found.update(f"{field.name} {len(one.ids)} ".encode() + one.ids.astype("<i8").tobytes())
        if counts:
            found.update(one.counts.astype("<i8").tobytes())
    return found.hexdigest()


def with_positions(checksum: str, highest: int | None) -> str:
    """The checksum of a vocabulary whose positions are 1 to `highest`; None: it has none."""
    return checksum if highest is None else sha256(f"{checksum} {POSITION_FIELD} {highest + 1}".encode()).hexdigest()
