"""What is done with the pieces of a table, each by itself: by this process or by others, who are sent these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from rec.data.encode import Encoder
from rec.data.encoded import Encoded
from rec.data.labels import Judged
from rec.data.row_file import as_batch
from rec.data.survey import Survey
from rec.data.table import Table
from rec.data.tables.parts import PartOfTable


@dataclass(frozen=True)
class Count:
    """Rows of a fragment, by its number, that are of a part."""

    of_part: PartOfTable

    def __call__(self, number: int) -> int:
        return self.of_part.count(self.of_part.source.fragments[number])


@dataclass(frozen=True)
class Learn:
    """What the rows of a fragment, by its number, tell of the fields.

    Attributes:
        survey: one that has seen no row.
        judge: looks at labels.

    Raises:
        UserError: a value is none that its column may hold.
    """

    of_part: PartOfTable
    survey: Survey
    judge: Callable[[Table], Judged]

    def __call__(self, number: int) -> Survey:
        table, survey = self.of_part.read(self.of_part.source.fragments[number]), deepcopy(self.survey)
        self.judge(table)
        survey.add(table)
        return survey


@dataclass(frozen=True)
class Write:
    """Writes the rows of a fragment, by its number and that of its first row among all, to a file; its path."""

    of_part: PartOfTable
    encode: Encoder
    folder: Path

    def __call__(self, piece: tuple[int, int]) -> Path:
        number, first = piece
        source = self.of_part.source
        rows = self.encode(self.of_part.read(source.fragments[number]), first)
        batch, path = of_rows(source.types, rows), self.folder / f"{number}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        return path


def of_rows(types: Mapping[str, tuple[str, ...]], rows: Encoded) -> pa.RecordBatch:
    """Rows as a record batch; every batch of a part has the same types, whatever its columns have in each file."""
    return as_batch(rows, {name for name, found in types.items() if found == ("text",) or len(found) > 1})
