"""The prepared data that a vocabulary goes on from: what it knows keeps its place within its field."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fields import FIELDS
from preparation.counted import (
    POSITION_FIELD,
    WAITING,
    Counted,
    placed,
    read_counted,
    vocabulary_sha256,
    with_positions,
)
from rec.data.prepared_schema import read_schema
from rec.errors import UserError


@dataclass(frozen=True)
class Earlier:
    """A folder that prepare.py wrote.

    Attributes:
        known: by field its original ids in the order of their new ones.
        waiting: by field those that have occurred less often than min_count, ascending.
        min_count: of all days.
        valid: the share of its users who were held out.
        highest: the highest position of the position field; None: there is none.
        weighted: fields with values.
        extends: what the new schema.json says of this one and of those that it went on from.
    """

    known: dict[str, Counted]
    waiting: dict[str, Counted]
    min_count: int
    valid: float
    highest: int | None
    weighted: frozenset[str]
    extends: list[dict[str, Any]]


def read_earlier(folder: Path) -> Earlier:
    """What a folder says.

    Raises:
        UserError: it was not prepared, is damaged, or of before ids waited.
    """
    try:
        schema = json.loads((folder / "schema.json").read_text())
        if (schema["format"], schema["version"]) != ("ali-ccp-columnar", 1):
            raise ValueError("another format")
        fields = [{key: field[key] for key in ("name", "offset", "size")} for field in schema["fields"]]
        min_count, checksum = int(schema["min_count"]), schema["vocabulary_sha256"]
        valid = float(schema["created_by"]["valid"])
        weighted = frozenset(field["name"] for field in schema["fields"] if field["weighted"])
        this = {"vocabulary_sha256": checksum, "id_space": schema["id_space"], "fields": fields}
        extends = [this, *schema.get("extends", [])]
        known = read_counted(folder / "vocabulary.parquet")
        if min_count > 1 and not (folder / WAITING).is_file():
            raise UserError(
                f"{folder}: has no {WAITING}, which tells how often rare ids have occurred: prepare it again"
            )
        waiting = read_counted(folder / WAITING) if min_count > 1 else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError, pa.ArrowException) as error:
        raise UserError(f"{folder}: is no folder that prepare.py wrote: {error!r:.120}") from None
    read_schema(folder / "schema.json")  # what a reader would refuse of it is not handed on
    highest = next((field["size"] - 1 for field in fields if field["name"] == POSITION_FIELD), None)
    found = with_positions(vocabulary_sha256(known), highest)
    if found != checksum or not all((one.counts >= min_count).all() for one in known.values()):
        raise UserError(f"{folder}/vocabulary.parquet: is not the one that schema.json says")
    sizes = {field.name: 1 + len(known.get(field.name, Counted.nothing()).ids) for field in FIELDS}
    if fields != placed(sizes, highest) or schema["id_space"] != sum(field["size"] for field in fields):
        raise UserError(f"{folder}/schema.json: its fields are not those of its vocabulary.parquet")
    if min_count > 1 and not _may_wait(waiting, known, min_count, schema.get("waiting_sha256")):
        raise UserError(f"{folder}/{WAITING}: is not the one that schema.json says")
    return Earlier(known, waiting, min_count, valid, highest, weighted, extends)


def _may_wait(waiting: Mapping[str, Counted], known: Mapping[str, Counted], least: int, checksum: str | None) -> bool:
    """Whether ids can be those that wait: what is admitted by mistake would have another id's row."""
    if checksum not in (None, vocabulary_sha256(waiting, counts=True)):
        return False  # None: of before there was such a checksum
    return all(
        (one.counts > 0).all() and (one.counts < least).all() and (np.diff(one.ids, prepend=-1) > 0).all()
        and not np.isin(one.ids, known.get(name, Counted.nothing()).ids).any()
        for name, one in waiting.items()
    )  # fmt: skip
