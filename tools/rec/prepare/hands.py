"""Who reads a table's rows when it is prepared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from rec.data.native import NativeReader
from rec.data.prefetch import prefetch
from rec.data.reader import Part
from rec.data.tabular import TabularReader
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.prepare.pieces import of_rows
from rec.run.native import NativeDirectory


class Hands(Protocol):
    """Opens readers and makes record batches of their rows."""

    def open(self, directory: NativeDirectory, part: Part, vocabulary: Vocabulary | None) -> TabularReader:
        """The reader of a part; without a vocabulary it makes one.

        Raises:
            UserError: as readers do.
        """

    def batches(self, reader: TabularReader, folder: Path) -> Iterator[pa.RecordBatch]:
        """A record batch for each piece of a part, in order; `folder` is theirs to write to meanwhile."""


class Own:
    """This process."""

    def open(self, directory: NativeDirectory, part: Part, vocabulary: Vocabulary | None) -> TabularReader:
        reader = directory.open_reader(part, vocabulary, keep_excluded=True)
        table = reader.chosen if isinstance(reader, NativeReader) else reader
        if not isinstance(table, TabularReader):
            raise UserError(f"{directory.config.model_dir}: its reader is no table's: set runner.train_reader_path")
        return table

    def batches(self, reader: TabularReader, folder: Path) -> Iterator[pa.RecordBatch]:
        for rows in prefetch(reader.read(piece) for piece in reader._parts):
            yield of_rows(reader.types, rows)
