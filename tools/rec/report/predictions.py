"""Predictions on disk: one row per impression, in input order."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from rec.config.behaviours import REQUEST
from rec.console import log
from rec.data.batch import Batch, batch_length
from rec.errors import UserError
from rec.metrics.task import Task


def check_path(path: Path) -> None:
    """Raise UserError if `path` is no name for predictions: now, not after the evaluation."""
    if path.suffix not in (".parquet", ".csv"):
        raise UserError(f"runner.predict_save_path: {path} should end in .parquet or .csv")
    if path.is_dir():
        raise UserError(f"runner.predict_save_path: {path} is a directory; expected a file name")


def make_folder(path: Path) -> None:
    """Make the folder that `path` is to stand in. Raises UserError if it cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"runner.predict_save_path: cannot make {path.parent}: {error.strerror}") from None


class PredictionFile:
    """A Parquet or CSV file that appears under its name when it is complete.

    Columns: sample_id (int64 if all are whole numbers, else text), what `data.keep` names, the labels (null where not
    known; int8 where a task takes them for 0 or 1, else float; not request_id, which is numbered anew in each batch)
    and the model's outputs that are per impression in the first batch: numbers, and in Parquet vectors too. A PaddleRec
    model's rows are numbered from 0.

    Args:
        path: as `check_path` has found it good, in a folder that is there.
        tasks: the model's.
    """

    def __init__(self, path: Path, tasks: Sequence[Task] = ()) -> None:
        self._binary = {name for task in tasks if task.kind == "binary" for name in (task.label, task.among)}
        self._path = path
        self._temporary = path.with_name(f".{path.name}-{os.getpid()}")
        self._writer: Any = None
        self._schema = pa.schema([])
        self._outputs: list[str] = []
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
        """Write a batch's rows; outputs that are not per impression are left out.

        Raises:
            UserError: the file cannot be written, or an output was per impression in the first batch and is not now.
        """
        columns = self._inputs(batch)
        length = len(columns["sample_id"])
        if self._writer is None:
            self._outputs = [name for name, value in values.items() if self._is_column(value, length)]
            if not self._outputs:
                log.warning("%s: will hold no predictions: the model returns nothing per impression", self._path)
        for name in self._outputs:
            if not self._is_column(values.get(name), length):
                raise UserError(f"{self._path}: the model's {name} has no value for each of a batch's {length} rows")
            value = np.asarray(values[name])
            columns[name] = pa.array(value.reshape(-1) if value.size == length else list(value))
        try:
            self._write(pa.table(columns))
        except OSError as error:
            raise UserError(f"{self._path}: cannot be written: {error.strerror or error}") from None
        self._rows += length

    def _is_column(self, value: Any, length: int) -> bool:
        """Whether an output has a number, or a vector where the file takes them, for each row of a batch."""
        if np.ndim(value) == 0:
            return False  # one figure, also where the batch has one row
        return np.size(value) == length or (
            np.ndim(value) == 2 and len(value) == length and self._path.suffix == ".parquet"
        )

    def _inputs(self, batch: Any) -> dict[str, pa.Array]:
        if not isinstance(batch, Batch):
            return {"sample_id": pa.array(np.arange(self._rows, self._rows + batch_length(batch)))}
        ids = batch.sample_ids
        ids = np.char.decode(ids, "utf-8", "replace") if ids.dtype.kind == "S" else ids.astype(str)
        columns = {"sample_id": pa.array(ids.astype(np.int64) if all(map(_whole_number, ids)) else ids)}
        columns |= batch.kept
        for name, label in batch.labels.items():
            if name == REQUEST:
                continue
            values = pa.array(label, from_pandas=True)
            columns[name] = values.cast(pa.int8()) if name in self._binary else values
        return columns

    def _write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._open(table.schema)
        written, found = (schema.field(0).type for schema in (self._schema, table.schema))
        if written != found and written == pa.int64():
            self._write_ids_as_text()
        self._writer.write_table(table.cast(self._schema))

    def _write_ids_as_text(self) -> None:
        """Begin the file anew with what was written so far, for an id that is no whole number has come."""
        self._writer.close()
        before = self._temporary.with_name(f"{self._temporary.name}-numbers")
        self._temporary.replace(before)
        try:
            with _reader(before, self._path.suffix, self._schema) as batches:
                self._open(self._schema.set(0, pa.field("sample_id", pa.string())))
                for batch in batches:
                    self._writer.write_table(pa.table(batch).cast(self._schema))
        finally:
            before.unlink(missing_ok=True)

    def _open(self, schema: pa.Schema) -> None:
        self._schema = schema
        kind = pa.parquet.ParquetWriter if self._path.suffix == ".parquet" else pa.csv.CSVWriter
        self._writer = kind(self._temporary, schema)


@contextlib.contextmanager
def _reader(path: Path, suffix: str, schema: pa.Schema) -> Iterator[Iterable[pa.RecordBatch]]:
    """The batches of a file of predictions."""
    if suffix == ".parquet":
        with pa.parquet.ParquetFile(path) as file:
            yield file.iter_batches()
        return
    options = pa.csv.ConvertOptions(column_types=schema)
    with pa.csv.open_csv(path, convert_options=options) as file:
        yield file


def _whole_number(text: str) -> bool:
    """Whether an int64 says all of it: 7, but not 007."""
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0") and len(text) < 19
