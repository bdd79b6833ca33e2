"""The vectors of fields in a Parquet file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rec.console import log
from rec.errors import UserError
from rec.numeric import Array
from rec.scoring.checkpoint import Checkpoint
from rec.vectors.matrix import vectors

_ROWS = 1 << 16
"""In a row group."""


def write(checkpoint: Checkpoint, fields: Iterable[tuple[str, pa.Table]], path: Path) -> None:
    """Write `field`, what `field_rows` says of each row, and its vectors, lists of floats.

    A vector that a field has not, because it is of another width, is null.

    Raises:
        UserError: the file cannot be written; what was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    schema = _schema(checkpoint)
    try:
        with pq.ParquetWriter(temporary, schema) as writer:
            for name, rows in fields:
                for start in range(0, len(rows), _ROWS):
                    writer.write_table(_piece(checkpoint, name, rows.slice(start, _ROWS), schema))
                log.info("field %s: %s rows", name, f"{len(rows):,}")
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _schema(checkpoint: Checkpoint) -> pa.Schema:
    engine: Any = checkpoint.engine
    others = ["vector"] if len(engine.table.by_width()) > 1 else []
    columns = [("field", pa.string()), ("kind", pa.string()), ("value", pa.string()), ("id", pa.int64())]
    lists = [(name, pa.list_(pa.float32())) for name in dict.fromkeys([*engine.net.row_parts, *others])]
    return pa.schema([*columns, ("count", pa.int64()), *lists])


def _piece(checkpoint: Checkpoint, name: str, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    found: dict[str, Any] = {"field": pa.array([name] * len(rows), pa.string())}
    found |= {column: rows[column] for column in rows.column_names}
    found |= {part: _lists(values) for part, values in vectors(checkpoint, rows["id"].to_numpy()).items()}
    return pa.table([found.get(each.name, pa.nulls(len(rows), each.type)) for each in schema], schema=schema)


def _lists(values: Array) -> pa.Array:
    offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.ascontiguousarray(values).reshape(-1)))
