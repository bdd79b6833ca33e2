"""Vectors that a field's values begin with, from a file of the user's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rec.config.config import Config
from rec.data.spelling import BadValueError, canonical
from rec.data.table_settings import DataSettings
from rec.errors import UserError
from rec.numeric import Array

_FORMS = "expected Parquet with the columns value and vector (a list of numbers), or .npy with a matrix of numbers"


@dataclass(frozen=True)
class Pretrained:
    """Values in the spelling of `rec.data.spelling`, all different, and their vectors, float32 [n, dim]."""

    values: list[str]
    vectors: Array

    @classmethod
    def read(cls, path: Path) -> Pretrained:
        """Those of a file.

        Raises:
            UserError: it is missing or of another form, or a value is empty or there twice, or a number is not finite.
        """
        vectors = _vectors(path)
        values = [str(row) for row in range(len(vectors))] if path.suffix == ".npy" else _values(path)
        if len(set(values)) < len(values):
            seen: set[str] = set()
            twice = next(value for value in values if value in seen or seen.add(value))  # type: ignore[func-returns-value]
            raise UserError(f"{path}: holds the value {twice} twice")
        if "" in values:
            raise UserError(f"{path}: row {values.index('') + 1} has no value")
        odd = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(odd):
            raise UserError(f"{path}: row {odd[0] + 1}: the vector of {values[odd[0]]} is not finite")
        return cls(values, vectors)


def dims_of(settings: DataSettings, config: Config) -> dict[str, int]:
    """Widths of the fields that say one, or whose pretrained vectors do.

    Raises:
        UserError: a file is missing or of another form, or its width is not that of the setting.
    """
    found = {}
    for name, field in settings.ids.items():
        own = settings.ids[field.shares] if field.shares else field
        dim = own.dim
        if own.pretrained:
            path = config.resolve(own.pretrained)
            if dim is None or path.exists():  # it may be gone where the model is only used
                width = _width(path)
                if dim not in (None, width):
                    raise UserError(f"data.fields.{name}.dim is {dim}, but {path} holds vectors of width {width}")
                dim = width
        if dim is not None:
            found[name] = dim
    return found


def pretrained_of(settings: DataSettings, config: Config, may_be_gone: bool) -> dict[str, Pretrained]:
    """What the values of fields begin with."""
    given = {name: config.resolve(field.pretrained) for name, field in settings.ids.items() if field.pretrained}
    return {name: Pretrained.read(path) for name, path in given.items() if path.exists() or not may_be_gone}


def _width(path: Path) -> int:
    if path.suffix == ".npy":
        return int(_vectors(path).shape[1])
    for batch in _parquet(path).iter_batches(1, columns=["vector"]):
        return _matrix(path, batch.column(0)).shape[1]
    raise UserError(f"{path}: holds no vector")


def _vectors(path: Path) -> Array:
    if path.suffix != ".npy":
        return _matrix(path, _parquet(path).read(["vector"]).column(0))
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {error}: {_FORMS}") from None
    if found.ndim != 2 or not found.size or not np.issubdtype(found.dtype, np.number):
        raise UserError(f"{path}: holds {found.dtype} of shape {list(found.shape)}: {_FORMS}")
    return found.astype(np.float32)


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read: {error}: {_FORMS}") from None
    if not {"value", "vector"} <= set(file.schema_arrow.names):
        raise UserError(f"{path}: its columns are {', '.join(file.schema_arrow.names)}: {_FORMS}")
    return file


def _matrix(path: Path, lists: pa.ChunkedArray | pa.Array) -> Array:
    """float32 [n, dim] of lists of numbers."""
    kind = lists.type
    if not pa.types.is_list(kind) and not pa.types.is_large_list(kind) and not pa.types.is_fixed_size_list(kind):
        raise UserError(f"{path}: column vector holds {kind}: {_FORMS}")
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    if not len(lengths) or not lengths[0] or (lengths != lengths[0]).any():
        odd = int(np.argmax(lengths != lengths[0])) if len(lengths) else 0
        raise UserError(f"{path}: row {odd + 1}: vectors should all have one width, which is above 0")
    try:
        flat = pc.list_flatten(lists).cast(pa.float32())
    except pa.ArrowException as error:
        raise UserError(f"{path}: column vector: {error}: {_FORMS}") from None
    return np.asarray(flat.to_numpy(zero_copy_only=False) if isinstance(flat, pa.Array) else flat.to_numpy()).reshape(
        len(lengths), -1
    )


def _values(path: Path) -> list[str]:
    found: list[str] = []
    for chunk in _parquet(path).read(["value"]).column(0).chunks:
        try:
            found += pc.fill_null(canonical(chunk, "value"), "").to_pylist()
        except BadValueError as error:
            raise UserError(f"{path}: row {len(found) + error.index + 1}: {error.reason}") from None
    return found
