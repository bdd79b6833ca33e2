"""JSON lines: an object per line, whose keys are columns."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.json

from rec.data.table_settings import DataSettings
from rec.data.tables.format import Opened
from rec.data.tables.text import BLOCK, Stretch, Text, stretches
from rec.errors import UserError


class JsonLines(Opened):
    """A file of JSON objects, each on a line of its own; a key that an object does not have is null.

    Args:
        columns: keys that are looked for beyond the first objects, as far as need be.
    """

    def __init__(self, path: str, settings: DataSettings, columns: Sequence[str]) -> None:
        self._path = path
        self._text = Text(path, settings.encoding)
        self._texts = pa.schema([])
        cut = stretches(self._text, quoted=False)
        self.parts = [(stretch.rows, stretch) for stretch in cut]
        schema = pa.schema([])
        for stretch in cut:
            new = [each for each in self._parse(stretch).schema if each.name not in schema.names]
            schema = pa.schema([*schema, *new])
            if all(name in schema.names for name in columns):
                break
        # What looks like a time is a text as in any other text file.
        self._texts = pa.schema([(each.name, pa.string()) for each in schema if pa.types.is_temporal(each.type)])
        for each in self._texts:
            schema = schema.set(schema.get_field_index(each.name), each)
        self.names = list(schema.names)
        self.types = dict(zip(schema.names, schema.types, strict=True))

    def read(self, part: int, columns: list[str]) -> pa.Table:
        rows, stretch = self.parts[part]
        table = self._parse(stretch)
        if table.num_rows != rows:
            raise UserError(f"{self._path}: holds {rows:,} lines where {table.num_rows:,} objects are read")
        found = [
            table.column(name) if name in table.column_names else pa.nulls(rows, self.types[name]) for name in columns
        ]
        return pa.table(found, columns)

    def _parse(self, stretch: Stretch) -> pa.Table:
        text = self._text.read(stretch)
        try:
            return pa.json.read_json(
                pa.BufferReader(text),
                read_options=pa.json.ReadOptions(block_size=max(BLOCK, len(text) + 1)),
                parse_options=pa.json.ParseOptions(explicit_schema=self._texts),
            )
        except pa.ArrowException as error:
            raise UserError(self._explain() or f"{self._path}: cannot be read as JSON lines: {error}") from None

    def _explain(self) -> str | None:
        """The first line that is no object."""
        with self._text.lines() as file:
            for number, line in enumerate(file, 1):
                try:
                    if line.strip() and not isinstance(json.loads(line), dict):
                        return f"{self._path}:{number}: expected an object {{...}}, found {line[:40].strip()!r}"
                except ValueError as error:
                    return f"{self._path}:{number}: is no JSON object: {error}"
        return None
