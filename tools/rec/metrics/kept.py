"""Rows of a column as they come, bounded in memory: what no longer fits waits in a file without a name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

IN_MEMORY = 1 << 22
"""Rows of a column that are held in memory."""


class Kept:
    """n rows of one type, all of which come back in their order.

    The file lies where `TMPDIR` says, four bytes a row for a prediction; it is gone with the process, however that
    ends. Where it cannot be written, the rows stay in memory.
    """

    def __init__(self, dtype: Any) -> None:
        self._newest: list[NDArray[Any]] = [np.empty(0, dtype)]
        self._file: IO[bytes] | None = None
        self._filed, self._held = 0, 0
        self._limit = IN_MEMORY

    def __len__(self) -> int:
        return self._filed + self._held

    def append(self, values: NDArray[Any]) -> None:
        """Take some rows more, [k]; they are not copied."""
        self._newest.append(values)
        self._held += len(values)
        if self._held > self._limit:
            self._put_away()

    def pieces(self, size: int) -> Iterator[NDArray[Any]]:
        """All rows, `size` at a time, read as they are asked for."""
        for start in range(0, len(self), size):
            yield self._read(start, min(start + size, len(self)))

    def since(self, start: int) -> NDArray[Any]:
        """The rows from number `start` on."""
        return self._read(start, len(self))

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        if len(self._newest) > 1:
            self._newest = [np.concatenate(self._newest)]
        (newest,) = self._newest
        if start >= self._filed:
            return newest[start - self._filed : stop - self._filed]
        assert self._file is not None
        rows = np.empty(stop - start, newest.dtype)
        filed = rows[: self._filed - start]
        self._file.seek(start * newest.itemsize)
        self._file.readinto(filed)  # type: ignore[attr-defined]
        rows[len(filed) :] = newest[: len(rows) - len(filed)]
        return rows

    def _put_away(self) -> None:
        newest = np.concatenate(self._newest)
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this does
            self._file.seek(self._filed * newest.itemsize)
            self._file.write(newest.data.cast("B"))
            self._file.flush()
        except OSError:
            self._newest, self._limit = [newest], 2 * self._held  # the next attempt is that much later
            return
        self._newest = [newest[:0].copy()]
        self._filed, self._held = len(self), 0
