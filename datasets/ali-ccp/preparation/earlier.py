"""The prepared data that a vocabulary goes on from: what it knows keeps its place within its field."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fields import FIELDS
from rec.errors import UserError

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


@dataclass(frozen=True)
class Earlier:
    """A folder that prepare.py wrote.

    Attributes:
        known: by field its original ids in the order of their new ones.
        waiting: by field those that have occurred less often than min_count, ascending.
        min_count: of all days.
        highest: the highest position of the position field; 0: there is none.
        weighted: fields with values.
        extends: what the new schema.json says of this one and of those that it went on from.
    """

    known: dict[str, Counted]
    waiting: dict[str, Counted]
    min_count: int
    highest: int
    weighted: frozenset[str]
    extends: list[dict[str, Any]]


def read_earlier(folder: Path) -> Earlier:
    """What a folder says.

    Raises:
        UserError: it was not prepared, is damaged, or of before ids waited.
    """
    path = folder / "schema.json"
    try:
        schema = json.loads(path.read_text())
        if (schema["format"], schema["version"]) != ("ali-ccp-columnar", 1):
            raise ValueError("another format")
        fields = [{key: field[key] for key in ("name", "offset", "size")} for field in schema["fields"]]
        sizes = {field["name"]: field["size"] for field in fields}
        min_count, checksum = int(schema["min_count"]), schema["vocabulary_sha256"]
        weighted = frozenset(field["name"] for field in schema["fields"] if field["weighted"])
        known = _counted(folder / "vocabulary.parquet")
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise UserError(f"{folder}: is no folder that prepare.py wrote: {error!r:.120}") from None
    highest = sizes.get("position_id", 1) - 1
    found = _checksum(known)
    if highest:
        found = sha256(f"{found} position_id {highest + 1}".encode()).hexdigest()
    if found != checksum:
        raise UserError(f"{folder}/vocabulary.parquet: is not the one that schema.json says")
    if min_count > 1 and not (folder / WAITING).is_file():
        raise UserError(f"{folder}: has no {WAITING}, which tells how often rare ids have occurred: prepare it again")
    waiting = _counted(folder / WAITING) if min_count > 1 else {}
    this = {"vocabulary_sha256": checksum, "id_space": schema["id_space"], "fields": fields}
    return Earlier(known, waiting, min_count, highest, weighted, [this, *schema.get("extends", [])])


def _counted(path: Path) -> dict[str, Counted]:
    table = pq.read_table(path, columns=["field", "original_id", "count"]).unify_dictionaries()
    names = table["field"].combine_chunks()
    codes, texts = names.indices.to_numpy(), names.dictionary.to_pylist()
    ids, counts = table["original_id"].to_numpy(), table["count"].to_numpy()
    return {text: Counted(ids[codes == code], counts[codes == code]) for code, text in enumerate(texts)}


def _checksum(known: dict[str, Counted]) -> str:
    found = sha256()
    for field in FIELDS:
        ids = known.get(field.name, Counted.nothing()).ids
        found.update(f"{field.name} {len(ids)} ".encode() + ids.astype("<i8").tobytes())
    return found.hexdigest()
