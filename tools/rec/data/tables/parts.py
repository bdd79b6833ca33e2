"""The rows of a table that are trained, validated or tested on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rec.data.reader import Part
from rec.data.split import rows_of
from rec.data.table import Table
from rec.data.table_settings import DataSettings
from rec.data.tables.source import Fragment, TableSource
from rec.numeric import Array


@dataclass(frozen=True)
class RowsOfPart:
    """Those of a fragment: how many, and the number of the first among all that are of the part."""

    fragment: Fragment
    first: int
    rows: int
    _of: PartOfTable

    def read(self) -> Table:
        """The rows."""
        return self._of.read(self.fragment)


@dataclass(frozen=True)
class PartOfTable:
    """The rows of a table that are of a part, as settings split it."""

    source: TableSource
    settings: DataSettings
    part: Part

    def read(self, fragment: Fragment) -> Table:
        """Those of a fragment."""
        table = self.source.read([fragment])
        kept = self._kept(table)
        return table if kept is None else table.filter(kept)

    def count(self, fragment: Fragment) -> int:
        """How many they are."""
        splits = self.settings.split("test"), self.settings.split("valid")
        read = any(split and split.by for split in splits)
        kept = self._kept(self.source.read([fragment]) if read else self.source.numbers([fragment]))
        return fragment.rows if kept is None else int(kept.sum())

    def pieces(self, counts: Iterable[int]) -> list[RowsOfPart]:
        """Its rows by fragments, in order; `counts`: of each. Those that have none are left out."""
        found, first = [], 0
        for fragment, rows in zip(self.source.fragments, counts, strict=True):
            if rows:
                found.append(RowsOfPart(fragment, first, rows, self))
            first += rows
        return found

    def _kept(self, table: Table) -> Array | None:
        return rows_of(self.part, table, self.settings)


def of_another_folder(settings: DataSettings) -> DataSettings:
    """Settings for rows that are not of the training folder: none of them are set aside."""
    return settings.model_copy(update={"test": None, "valid": None, "test_share": 0.0, "valid_share": 0.0})
