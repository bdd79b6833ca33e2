"""The rows of the files of a user's table: each knows its file and its number there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa

from rec.numeric import Array


@dataclass(frozen=True)
class Piece:
    """n rows of one file. Pieces are never joined: files may differ in types, and Arrow's strings end at 2 GiB.

    Attributes:
        path: the file.
        numbers: int64 [n], their numbers in the file, from 0.
        batch: their columns.
    """

    path: str
    numbers: Array
    batch: pa.RecordBatch

    def where(self, row: int) -> str:
        """File and row, for messages; rows are counted from 1, a header is none."""
        return f"{self.path}: row {self.numbers[row] + 1}"


@dataclass(frozen=True)
class Table:
    """R rows in pieces, in the order of the files.

    Attributes:
        pieces: the rows.
        number: int64 [R], their numbers through all files, from 0.
        file_rows: how many rows each file has.
        types: by column the types that the files have it in, each once; of a text file's columns, `text`.
    """

    pieces: tuple[Piece, ...]
    number: Array
    file_rows: dict[str, int]
    types: dict[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.number)

    def column(self, name: str) -> Iterator[tuple[Piece, pa.Array]]:
        """A column, piece by piece."""
        for piece in self.pieces:
            yield piece, piece.batch.column(name)

    def where(self, row: int) -> str:
        """File and row in it of the row-th row here, for messages."""
        for piece in self.pieces:
            if row < len(piece.numbers):
                return piece.where(row)
            row -= len(piece.numbers)
        raise IndexError(row)

    def filter(self, kept: Array) -> Table:
        """The rows where `kept`, bool [R], is true."""
        pieces, start = [], 0
        for piece in self.pieces:
            own = kept[start : start + len(piece.numbers)]
            start += len(own)
            pieces.append(Piece(piece.path, piece.numbers[own], piece.batch.filter(pa.array(own))))
        return replace(self, pieces=tuple(pieces), number=self.number[kept])
