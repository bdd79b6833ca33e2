"""Parquet by row groups, and Arrow's own files (Feather) by record batches."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from rec.config.paths import is_remote
from rec.data.tables.format import Opened
from rec.data.tables.storage import opened

_ROWS = 1 << 13
"""Of a row group that cannot be read at one go, so many."""


class Parquet(Opened):
    """A Parquet file."""

    def __init__(self, path: str) -> None:
        self._path = path
        with opened(path) as source, pq.ParquetFile(source) as file:
            schema, metadata = file.schema_arrow, file.metadata
            self.parts = [(metadata.row_group(i).num_rows, i) for i in range(metadata.num_row_groups)]
        self.names = list(schema.names)
        self.types = dict(zip(schema.names, schema.types, strict=True))

    def read(self, part: int, columns: list[str]) -> pa.Table:
        # Opened anew: a forked process must not share its position. From afar neighbouring columns come together.
        with opened(self._path) as source, pq.ParquetFile(source, pre_buffer=is_remote(self._path)) as file:
            group = self.parts[part][1]
            try:
                return file.read_row_group(group, columns)
            except pa.ArrowNotImplementedError:  # lists of more than 2 GiB at one go
                return pa.Table.from_batches(list(file.iter_batches(_ROWS, [group], columns)))


class Feather(Opened):
    """An Arrow file, which other programs call Feather (version 2) or IPC."""

    def __init__(self, path: str) -> None:
        self._path = path
        with opened(path) as source, pa.ipc.open_file(source) as file:
            schema = file.schema
            self.parts = [(file.get_batch(i).num_rows, i) for i in range(file.num_record_batches)]
        self.names = list(schema.names)
        self.types = dict(zip(schema.names, schema.types, strict=True))

    def read(self, part: int, columns: list[str]) -> pa.Table:
        with opened(self._path) as source, pa.ipc.open_file(source) as file:
            return pa.Table.from_batches([file.get_batch(self.parts[part][1])]).select(columns)
