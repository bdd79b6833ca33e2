"""Parsed rows on disk, column by column: written once front to back, read by ranges, never held in memory whole."""

import os
from pathlib import Path

import numpy as np

from preparation.rows import fields_of
from preparation.scan import Rows

_DTYPES = {
    "number": np.int64,
    "label": np.uint8,
    "key": np.uint64,
    "line": np.int64,
    "digest": np.uint64,
    "lengths": np.uint16,
    "offset": np.int64,
}
"""One value per row, but lengths: one per field. All are said in Rows but offset: the row's first token."""

_PIECE = 1 << 20


class Spool:
    """The rows of one raw file."""

    def __init__(self, folder: Path, common: bool) -> None:
        """An empty spool in ``folder``, which is made; ``common`` says of which of a split's two files."""
        folder.mkdir(parents=True)
        self.common = common
        self.file = ""
        """The raw file's name, for messages."""
        self.rows = 0
        self.tokens = 0
        self.lines = 0
        """Lines of the raw file so far, good and bad."""
        width = len(fields_of(common))
        self.seen = np.tile(np.array([-1, 0]), (width, 1))
        """int64 [fields, 2]: highest id (-1 for none), number of tokens whose value is not 1."""
        self._folder = folder
        self._width = width
        self._files = {name: (folder / name).open("wb") for name in (*_DTYPES, "tokens")}

    def append(self, rows: Rows, lines: int) -> None:
        """Add a block's rows; ``lines`` is the number of its lines, good and bad."""
        counts = rows.lengths.sum(axis=1, dtype=np.int64)
        offset = self.tokens + np.cumsum(counts) - counts
        columns = rows._asdict() | {"offset": offset, "line": rows.line + self.lines + 1}
        for name, file in self._files.items():
            file.write(memoryview(columns[name]).cast("B") if len(columns[name]) else b"")
        self.rows += len(rows.number)
        self.tokens += len(rows.tokens)
        self.lines += lines
        np.maximum(self.seen[:, 0], rows.seen[:, 0], out=self.seen[:, 0])
        self.seen[:, 1] += rows.seen[:, 1]

    def close(self) -> None:
        """End writing; reading may begin."""
        for file in self._files.values():
            file.close()

    def column(self, name: str, start: int = 0, end: int | None = None) -> np.ndarray:
        """Rows [start, end) of a column; "line" counts from 1."""
        width = self._width if name == "lengths" else 1
        count = ((self.rows if end is None else end) - start) * width
        dtype = np.dtype(_DTYPES[name])
        values = np.fromfile(self._folder / name, dtype, count, offset=start * width * dtype.itemsize)
        return values.reshape(-1, width) if name == "lengths" else values

    def take(self, name: str, rows: np.ndarray) -> np.ndarray:
        """A column's values at ``rows`` (ascending, at least one); what lies between them is read in bounded pieces."""
        pieces = []
        for start in range(rows[0], rows[-1] + 1, _PIECE):
            end = min(start + _PIECE, rows[-1] + 1)
            first, last = np.searchsorted(rows, (start, end))
            pieces.append(self.column(name, start, end)[rows[first:last] - start])
        return np.concatenate(pieces)

    def read_tokens(self, offset: np.ndarray, count: np.ndarray) -> np.ndarray:
        """The tokens of rows that begin at ``offset`` and have ``count`` tokens: int32 [count.sum(), 2], row after row.

        Rows that follow each other on disk are read at once.
        """
        tokens = np.empty((int(count.sum()), 2), np.int32)
        place = memoryview(tokens.reshape(-1)).cast("B") if len(tokens) else memoryview(b"")
        breaks = np.flatnonzero(offset[1:] != (offset + count)[:-1]) + 1
        first = np.concatenate(([0], breaks)) if len(offset) else breaks
        sizes = np.add.reduceat(count, first) if len(offset) else breaks
        file = os.open(self._folder / "tokens", os.O_RDONLY)
        try:
            at = 0
            for start, size in zip((offset[first] * 8).tolist(), (sizes * 8).tolist(), strict=True):
                _read_exactly(file, place[at : at + size], start)
                at += size
        finally:
            os.close(file)
        return tokens


def _read_exactly(file: int, place: memoryview, start: int) -> None:
    """Fill ``place`` from a file's bytes at ``start``."""
    while place:
        read = os.preadv(file, [place], start)
        if not read:
            raise OSError("the spool ends early: something else changed the temporary folder")
        place, start = place[read:], start + read
