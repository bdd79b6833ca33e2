"""Row groups of prepared data, and the order in which an epoch visits what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from rec.data.plan import ReadPlan
from rec.data.prepared import read_metadata
from rec.data.windowed import windows_of
from rec.errors import UserError
from rec.numeric import Array

WINDOW = 1 << 19
"""Impressions that are shuffled among each other: about 75 MB in memory, and as much again for the next ones."""


@dataclass(frozen=True)
class Group:
    """A row group of an impression file and the aligned one of its common file."""

    impressions: str
    common: str
    index: int
    rows: int
    first_common_row: int
    common_rows: int
    columns: dict[str, pa.DataType]


def row_groups(folder: Path) -> list[Group]:
    groups = []
    for impressions in sorted(folder.glob("exposures-*.parquet")):
        common = impressions.with_name(impressions.name.replace("exposures", "common"))
        (own_rows, own), (shared_rows, shared) = read_metadata(impressions), read_metadata(common)
        if len(own_rows) != len(shared_rows):
            raise UserError(f"{impressions} and {common.name} differ in row groups: prepare the data again")
        first = 0
        for index, (rows, common_rows) in enumerate(zip(own_rows, shared_rows, strict=True)):
            groups.append(Group(str(impressions), str(common), index, rows, first, common_rows, own | shared))
            first += common_rows
    if not groups:
        raise UserError(f"{folder}: holds no exposures-*.parquet; expected a folder that prepare.py wrote")
    return groups


def windows(groups: list[Group], plan: ReadPlan) -> list[list[Group]]:
    """Row groups by window, in the epoch's order."""
    return windows_of(groups, lambda group: group.rows, plan, WINDOW)


def shuffled_chunks(common_row: Array, chunk: int, random: np.random.Generator) -> Array:
    """A random order of impressions, int64 [n], in which runs of one common row stay together, `chunk` at the most.

    A run of neighbours with the same `common_row` (int [n]) is cut from a random offset on, so that over epochs any
    two neighbours are parted.
    """
    n = len(common_row)
    heads = np.flatnonzero(np.concatenate([[True], common_row[1:] != common_row[:-1]]))
    lengths = np.diff(heads, append=n)
    within = np.arange(n) - np.repeat(heads, lengths)
    shift = np.repeat(random.integers(0, chunk, len(heads)), lengths)
    starts = np.flatnonzero((within == 0) | ((within + shift) % chunk == 0))
    sizes = np.diff(starts, append=n)
    order = random.permutation(len(starts))
    first = np.repeat(starts[order], sizes[order])
    ends = np.cumsum(sizes[order])
    return first + np.arange(n) - np.repeat(ends - sizes[order], sizes[order])
