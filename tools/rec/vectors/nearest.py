"""The values of a field whose vectors are nearest to a value's: exactly, by one pass over the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data.field_values import BETWEEN
from rec.data.spelling import canonical
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.numeric import Array
from rec.scoring.checkpoint import Checkpoint
from rec.vectors.fields import AND
from rec.vectors.matrix import vectors

_BLOCK = 1 << 18
"""Rows whose cosines are taken at one go."""


@dataclass(frozen=True)
class Neighbour:
    """A value near another: which vector says so, its row of `field_rows`, and the cosine."""

    part: str
    row: int
    cosine: float


def nearest(checkpoint: Checkpoint, rows: pa.Table, place: int, count: int) -> Iterator[Neighbour]:
    """The `count` nearest rows to the row at `place` by cosine, nearest first, of each of a field's vectors.

    The row itself and the field's row of unknown values are left out. A vector of zeros is near to none: 0.
    """
    ids = rows["id"].to_numpy()
    others = np.array([kind != "unknown" for kind in rows["kind"].to_pylist()])
    others[place] = False
    own = vectors(checkpoint, ids[place : place + 1])
    for part in (name for name in own if name.startswith("vector")):
        asked = own[part][0]
        pieces = [cosines(vectors(checkpoint, ids[at : at + _BLOCK])[part], asked) for at in range(0, len(ids), _BLOCK)]
        found = np.where(others, np.concatenate(pieces), -np.inf)
        for row in np.argsort(-found, kind="stable")[: min(count, int(others.sum()))].tolist():
            yield Neighbour(part, row, float(found[row]))


def cosines(each: Array, asked: Array) -> Array:
    """Of vectors, float [n, d], with one, [d]: float [n]."""
    lengths = np.linalg.norm(each, axis=1) * np.linalg.norm(asked)
    return np.divide(each @ asked, lengths, out=np.zeros(len(each), np.float32), where=lengths > 0)


def place_of(checkpoint: Checkpoint, name: str, rows: pa.Table, value: str) -> int:
    """The row of a value, in any spelling that a table may have it in; a number's bucket; a hashed value's bucket.

    Raises:
        UserError: training has not seen it.
    """
    vocabulary = checkpoint.reader.vocabulary
    if vocabulary is not None:
        place = _id_of(vocabulary, name, value) - vocabulary.offset(name)
        found = place if place > 0 or vocabulary.known(name) is None else -1
    else:
        hashed = "bucket" in rows["kind"].to_pylist()
        found = pc.index(rows["id"].cast(pa.string()) if hashed else rows["value"], value).as_py()
    if found < 0:
        raise UserError(f"--of {value}: training has not seen this value of field {name}")
    return found


def _id_of(vocabulary: Vocabulary, name: str, value: str) -> int:
    edges = vocabulary.edges.get(vocabulary.own(name))
    if edges is not None:
        try:
            value = str(int(np.searchsorted(edges, float(value), side="right")))
        except ValueError:
            raise UserError(f"--of {value}: field {name} is a number in buckets: give a number") from None
    texts = [canonical(pa.array([text]), name)[0].as_py() for text in value.split(AND)]
    return int(vocabulary.ids_of(name, [BETWEEN.join(texts)])[0])
