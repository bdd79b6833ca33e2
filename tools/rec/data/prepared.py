"""What prepared data must be before kernels may index with it: they read foreign memory where an id is out of range."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rec.config.behaviours import LabelKind
from rec.data.label_values import EXPECTED, odd_values
from rec.data.prepared_schema import PreparedField
from rec.errors import UserError
from rec.numeric import Array

IDS, VALUES = pa.list_(pa.int32()), pa.list_(pa.float32())


def read_metadata(path: Path) -> tuple[list[int], dict[str, pa.DataType]]:
    """The rows of each row group of a Parquet file, and its columns' types. Raises UserError if it cannot be read."""
    try:
        metadata = pq.read_metadata(path)
        columns = {field.name: field.type for field in metadata.schema.to_arrow_schema()}
        return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)], columns
    except (OSError, IndexError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None


def read_group(
    path: str, index: int, columns: Mapping[str, pa.DataType], may_be_empty: Collection[str] = ()
) -> pa.Table:
    """A row group's columns, of the given types.

    Raises:
        UserError: it cannot be read, or a column is missing, of another type, or holds nulls and may not.
    """
    where = f"{path}: row group {index}"
    try:
        table = pq.ParquetFile(path).read_row_group(index, columns=list(columns), use_threads=False)
        absent = [name for name in columns if name not in table.column_names]
        if absent:
            raise UserError(f"{where}: has no column {', '.join(absent)}: prepare the data again")
        table = table.select(list(columns)).cast(pa.schema(list(columns.items())))
    except (OSError, IndexError, pa.ArrowException) as error:
        raise UserError(f"{where}: cannot be read: {error}") from None
    for name, column in zip(table.column_names, table.columns, strict=True):
        items = [chunk.flatten() for chunk in column.chunks] if pa.types.is_list(column.type) else []
        if (column.null_count and name not in may_be_empty) or any(part.null_count for part in items):
            raise UserError(f"{where}: column {name} holds nulls: prepare the data again")
    return table


def check_ids(table: pa.Table, names: list[str], num_id: int, where: str) -> None:
    """Raise UserError unless every id of the fields is in [0, num_id) and each `<field>_value` fits its field."""
    for name in names:
        for chunk in table.column(name).chunks:
            check_range(chunk.flatten().to_numpy(), 0, num_id, f"{where}: an id of field {name}")
        if f"{name}_value" in table.column_names:
            lengths = pc.list_value_length(table.column(name))
            if not lengths.equals(pc.list_value_length(table.column(f"{name}_value"))):
                raise UserError(f"{where}: field {name} has another number of values than of ids")


def check_range(numbers: Array, low: int, high: int, what: str) -> None:
    """Raise UserError unless low <= numbers < high, calling them `what`."""
    if len(numbers) and not (low <= numbers.min() and numbers.max() < high):
        odd = numbers[np.argmax((numbers < low) | (numbers >= high))]
        raise UserError(f"{what} is {odd}, expected {low} to {high - 1}: prepare the data again")


def check_number_columns(path: str, columns: Mapping[str, pa.DataType], names: Iterable[str]) -> None:
    """Raise UserError unless those of the named columns that a file has hold numbers."""
    for name in names:
        kind = columns.get(name, pa.uint8())
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise UserError(f"{path}: column {name} holds {kind}, expected numbers: prepare the data again")


def check_label(values: Array, kind: LabelKind, where: str, name: str) -> None:
    """Raise UserError at the first value, in a row group called `where`, that is not of the kind."""
    odd = odd_values(values, kind)
    if len(odd):
        raise UserError(f"{where}, row {odd[0] + 1}: {name} should be {EXPECTED[kind]}, found {values[odd[0]]}")


def split_fields(names: tuple[str, ...], fields: Iterable[PreparedField]) -> tuple[list[str], list[str]]:
    """The wanted fields of common rows and of impressions' own."""
    is_common = {field.name: field.common for field in fields}
    unknown = [name for name in names if name not in is_common]
    if unknown:
        raise UserError(
            f"hyper_parameters.fields: the data has no {', '.join(unknown)} (it has {', '.join(is_common)})"
        )
    common = [name for name in names if is_common[name]]
    own = [name for name in names if not is_common[name]]
    if (*common, *own) != names:
        raise UserError(f"hyper_parameters.fields: common fields come first here: {[*common, *own]}")
    return common, own


def check_declared(folder: Path, what: str, wanted: tuple[str, ...], declared: list[str]) -> None:
    if not set(wanted) <= set(declared):
        raise UserError(
            f"{folder}: has {what} {', '.join(declared) or '(none)'}; expected {', '.join(wanted)}: "
            "prepare.py takes what behaviours_*.parquet beside the raw files holds"
        )
