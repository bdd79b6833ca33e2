"""The rows of a table that are trained, validated or tested on."""

from __future__ import annotations

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
    _of: _Chosen

    def read(self) -> Table:
        """The rows."""
        table = self._of.source.read([self.fragment])
        kept = self._of.kept(table)
        return table if kept is None else table.filter(kept)


@dataclass(frozen=True)
class _Chosen:
    """Which rows are of a part."""

    source: TableSource
    settings: DataSettings
    part: Part

    def kept(self, table: Table) -> Array | None:
        return rows_of(self.part, table, self.settings)


def of_another_folder(settings: DataSettings) -> DataSettings:
    """Settings for rows that are not of the training folder: none of them are set aside."""
    return settings.model_copy(update={"test": None, "valid": None, "test_share": 0.0, "valid_share": 0.0})


def parts_of(source: TableSource, settings: DataSettings, part: Part) -> list[RowsOfPart]:
    """A part's rows by fragments, in order, as the settings split them; those that have none are left out."""
    chosen = _Chosen(source, settings, part)
    splits = settings.split("test"), settings.split("valid")
    by_number = not any(split and split.by for split in splits)
    found, first = [], 0
    for fragment in source.fragments:
        kept = chosen.kept(source.numbers([fragment]) if by_number else source.read([fragment]))
        rows = fragment.rows if kept is None else int(kept.sum())
        if rows:
            found.append(RowsOfPart(fragment, first, rows, chosen))
        first += rows
    return found
