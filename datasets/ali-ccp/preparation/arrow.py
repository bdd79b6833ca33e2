"""Between NumPy and Arrow, without `pa.array` and `to_numpy`: they import pandas first where there is one (0.4 s)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def numbers(values: np.ndarray) -> pa.Array:
    """An array of numbers, which shares its memory with ``values``."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers)


def strings(texts: Sequence[str]) -> pa.Array:
    """An array of strings."""
    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def to_numpy(column: pa.ChunkedArray) -> np.ndarray:
    """A column of numbers, none missing."""
    return np.concatenate([np.from_dlpack(chunk) for chunk in column.chunks])
