"""Row groups of prepared data, and the order in which an epoch visits what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from rec.data.plan import ReadPlan
from rec.data.prepared import read_metadata
from rec.data.windowed import windows_of
from rec.errors import UserError

WINDOW = 1 << 19
"""Impressions that are shuffled among each other: about 75 MB in memory, and as much again for the next ones."""


@dataclass(frozen=True)
class Group:
    """A row group of an impression file, whose first row is number `first` of all, and that of its common file."""

    impressions: str
    common: str
    index: int
    rows: int
    first: int
    first_common_row: int
    common_rows: int
    columns: dict[str, pa.DataType]


def row_groups(folder: Path) -> list[Group]:
    groups: list[Group] = []
    seen = 0
    for impressions in sorted(folder.glob("exposures-*.parquet")):
        common = impressions.with_name(impressions.name.replace("exposures", "common"))
        (own_rows, own), (shared_rows, shared) = read_metadata(impressions), read_metadata(common)
        if len(own_rows) != len(shared_rows):
            raise UserError(f"{impressions} and {common.name} differ in row groups: prepare the data again")
        first = 0
        for index, (rows, common_rows) in enumerate(zip(own_rows, shared_rows, strict=True)):
            groups.append(Group(str(impressions), str(common), index, rows, seen, first, common_rows, own | shared))
            first += common_rows
            seen += rows
    if not groups:
        raise UserError(f"{folder}: holds no exposures-*.parquet; expected a folder that prepare.py wrote")
    return groups


def windows(groups: list[Group], plan: ReadPlan) -> list[list[Group]]:
    """Row groups by window, in the epoch's order."""
    return windows_of(groups, lambda group: group.rows, plan, WINDOW)
