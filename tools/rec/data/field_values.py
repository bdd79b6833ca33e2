"""The values of a table's field, whose columns they come from, and how many of them a row keeps."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.data.columns import lists_of_text
from rec.data.table import Table
from rec.data.table_settings import DataSettings
from rec.numeric import Array

_PAIRS = 1 << 20
"""That are joined at one go: Arrow's strings end at 2 GiB."""

BETWEEN = "\x1f"
"""Stands between the values of a pair: a character that no value has."""


def values_of(
    table: Table, name: str, settings: DataSettings, edges: list[float] | None
) -> tuple[Array, pa.ChunkedArray]:
    """What `lists_of_text` gives of a field: of a cross each pair of values; of a sequence the last ones."""
    field = settings.ids[name]
    if field.cross:
        left, right = (lists_of_text(table, each, settings.ids[each], None) for each in field.cross)
        starts, texts = _pairs(*left, *right)
    else:
        starts, texts = lists_of_text(table, name, field, edges)
    if field.sequence:
        starts, places = last(starts, field.sequence)
        kept = np.zeros(len(texts), bool)
        kept[places] = True
        texts = texts.filter(pa.array(kept))  # `take` would join the chunks, which may be too large for one
    return starts, texts


def last(starts: Array, count: int) -> tuple[Array, Array]:
    """Where lists begin, int64 [R + 1], if each keeps its last `count` values, and which these are, int64 [T]."""
    kept = np.minimum(np.diff(starts), count)
    ends = np.cumsum(kept)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts[1:] - ends, kept)
    return np.concatenate([[0], ends]), places


def _pairs(a: Array, left: pa.ChunkedArray, b: Array, right: pa.ChunkedArray) -> tuple[Array, pa.ChunkedArray]:
    """Each value of a row's one list with each of its other one."""
    own, other = np.diff(a), np.diff(b)
    counts = own * other
    starts = np.concatenate([[0], np.cumsum(counts)])
    within = np.arange(starts[-1]) - np.repeat(starts[:-1], counts)
    width = np.repeat(other, counts)
    first = np.repeat(a[:-1], counts) + within // np.maximum(width, 1)
    second = np.repeat(b[:-1], counts) + within % np.maximum(width, 1)
    sides = [side.cast(pa.large_string()).combine_chunks() for side in (left, right)]
    joined = []
    for start in range(0, len(first), _PAIRS):
        places = [pa.array(each[start : start + _PAIRS]) for each in (first, second)]
        texts = [side.take(place) for side, place in zip(sides, places, strict=True)]
        joined.append(pc.binary_join_element_wise(*texts, pa.scalar(BETWEEN, pa.large_string())).cast(pa.string()))
    return starts, pa.chunked_array(joined, pa.string())
