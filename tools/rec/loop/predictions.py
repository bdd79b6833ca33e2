"""Predictions on disk: one row per exposure, in input order."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from rec.data.batch import Batch
from rec.errors import UserError
from rec.metrics.tasks import Task


def check_path(path: Path) -> None:
    """Raise UserError if predictions cannot be written to `path`: now, not after the evaluation."""
    if path.suffix not in (".parquet", ".csv"):
        raise UserError(f"runner.predict_save_path: {path} should end in .parquet or .csv")
    if path.is_dir():
        raise UserError(f"runner.predict_save_path: {path} is a directory; expected a file name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"runner.predict_save_path: cannot make {path.parent}: {error.strerror}") from None


class PredictionFile:
    """A Parquet or CSV file that appears under its name when it is complete.

    Columns: sample_id (int64 if the first batch's are whole numbers, else text), the labels (null where not given;
    int8 where a task takes them for 0 or 1, else float) and the model's per-exposure outputs: numbers, and in Parquet
    vectors too. A PaddleRec model's rows are numbered from 0.

    Args:
        path: as `check_path` has found it good.
        tasks: the model's.
    """

    def __init__(self, path: Path, tasks: Sequence[Task] = ()) -> None:
        self._binary = {name for task in tasks if task.kind == "binary" for name in (task.label, task.among)}
        self._path = path
        self._temporary = path.with_name(f".{path.name}-{os.getpid()}")
        self._writer: Any = None
        self._schema: pa.Schema | None = None
        self._rows = 0

    def __enter__(self) -> PredictionFile:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
                if kind is None:
                    self._temporary.replace(self._path)
        except OSError as problem:
            raise UserError(f"{self._path}: cannot be written: {problem.strerror or problem}") from None
        finally:
            self._temporary.unlink(missing_ok=True)

    def add(self, batch: Any, values: Mapping[str, Any]) -> None:
        """Write a batch's rows; outputs that are not per exposure are left out.

        Raises:
            UserError: the file cannot be written.
        """
        columns = self._inputs(batch)
        length = len(columns["sample_id"])
        for name, value in values.items():
            if np.size(value) == length:
                columns[name] = pa.array(np.asarray(value).reshape(-1))
            elif np.ndim(value) == 2 and len(value) == length and self._path.suffix == ".parquet":
                columns[name] = pa.array(list(value))
        try:
            table = pa.table(columns)
            if self._writer is None:
                self._schema = table.schema
                self._writer = self._open(table.schema)
            self._writer.write_table(table)
        except OSError as error:
            raise UserError(f"{self._path}: cannot be written: {error.strerror or error}") from None
        self._rows += length

    def _inputs(self, batch: Any) -> dict[str, pa.Array]:
        if not isinstance(batch, Batch):
            return {"sample_id": pa.array(np.arange(self._rows, self._rows + len(batch[0])))}
        ids = batch.sample_ids
        ids = np.char.decode(ids, "utf-8", "replace") if ids.dtype.kind == "S" else ids.astype(str)
        columns = {"sample_id": self._sample_ids(ids)}
        for name, label in batch.labels.items():
            values = pa.array(label, from_pandas=True)
            columns[name] = values.cast(pa.int8()) if name in self._binary else values
        return columns

    def _sample_ids(self, ids: Any) -> pa.Array:
        if self._schema is None:
            numbers = all(map(_whole_number, ids))
        else:
            numbers = self._schema.field("sample_id").type == pa.int64()
        if not numbers:
            return pa.array(ids)
        odd = next((text for text in ids if not _whole_number(text)), None)
        if odd is not None:
            raise UserError(
                f"{self._path}: sample id {str(odd)!r} is no whole number, but those of the first batch are"
            )
        return pa.array(ids.astype(np.int64))

    def _open(self, schema: pa.Schema) -> Any:
        if self._path.suffix == ".parquet":
            return pa.parquet.ParquetWriter(self._temporary, schema)
        return pa.csv.CSVWriter(self._temporary, schema)


def _whole_number(text: str) -> bool:
    """Whether an int64 says all of it: 7, but not 007."""
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 19
