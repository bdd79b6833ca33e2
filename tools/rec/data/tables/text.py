"""Text files by stretches of whole rows: plain ones where they lie, others through a copy that is plain."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from rec.config.paths import is_remote
from rec.data.tables.storage import opened
from rec.errors import UserError
from rec.numeric import Array

BLOCK = 1 << 24
"""Bytes of a stretch, about."""

COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4", ".br": "brotli"}
_QUOTE = 34


@dataclass(frozen=True)
class Stretch:
    """Bytes [start, stop) of a text, whole rows: `rows` that are not empty."""

    start: int
    stop: int
    rows: int


class Text:
    """A text file in UTF-8, whatever it is in.

    A compressed, foreign or remote one is written out once, to a file without a name where `TMPDIR` says.

    Args:
        path: the file.
        encoding: what it is in, by Python's name.

    Raises:
        UserError: it cannot be read, is not in that encoding, or there is no room for a copy.
    """

    def __init__(self, path: str, encoding: str) -> None:
        self.path, self._encoding = path, encoding
        _ = self._file  # opened now, so that what is wrong is said now

    def __getstate__(self) -> dict[str, str]:
        """For another process, which opens the file when it reads of it."""
        return {"path": self.path, "_encoding": self._encoding}

    @cached_property
    def _file(self) -> IO[bytes]:
        path, encoding = self.path, self._encoding
        plain = encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")
        if is_remote(path) or not plain or path.endswith(tuple(COMPRESSED)):
            return self._copied(None if plain else encoding)
        try:
            return Path(path).open("rb")
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None

    def read(self, stretch: Stretch) -> bytes:
        """Its bytes, wherever the file's own position is: reader processes share it."""
        return os.pread(self._file.fileno(), stretch.stop - stretch.start, stretch.start)

    def lines(self, newline: str | None = None) -> IO[str]:
        """All of it from the beginning on, for Python's parsers; bytes that are no UTF-8 come as lone surrogates."""
        file = os.fdopen(os.dup(self._file.fileno()), encoding="utf-8-sig", errors="surrogateescape", newline=newline)
        file.seek(0)
        return file

    def blocks(self) -> Iterator[bytes]:
        """All of it, BLOCK bytes at a time."""
        place = 0
        while block := os.pread(self._file.fileno(), BLOCK, place):
            yield block
            place += len(block)

    def _copied(self, encoding: str | None) -> IO[bytes]:
        copy: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            kind = next((kind for end, kind in COMPRESSED.items() if self.path.endswith(end)), None)
            with opened(self.path) as file, pa.input_stream(file, compression=kind) as stream:
                decoder = _decoder(encoding, self.path) if encoding else None
                while block := stream.read(BLOCK):
                    copy.write(decoder.decode(block).encode() if decoder else block)
                if decoder:
                    copy.write(decoder.decode(b"", True).encode())
                copy.flush()
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path}: is not {encoding} (data.encoding): {error.reason}") from None
        except (OSError, pa.ArrowException, EOFError) as error:
            raise UserError(f"{self.path}: cannot be written out in {tempfile.gettempdir()}: {error}") from None
        return copy


def _decoder(encoding: str, path: str) -> Any:
    import codecs

    try:
        return codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise UserError(f"data.encoding: {encoding} is no encoding that is known ({path})") from None


def stretches(text: Text, quoted: bool) -> list[Stretch]:
    r"""A text cut behind rows, which end in \n, \r\n or \r.

    Args:
        quoted: an end of a line within quotes is part of a value.
    """
    found: list[Stretch] = []
    rest, start = b"", 0
    for block in text.blocks():
        data = np.frombuffer(rest + block, np.uint8)
        end = _ends(data, quoted)
        places = np.flatnonzero(end)
        if not len(places):
            rest = data.tobytes()
            continue
        cut = int(places[-1]) + 1
        found.append(Stretch(start, start + cut, _rows(end[:cut])))
        rest, start = data[cut:].tobytes(), start + cut
    if rest:
        data = np.frombuffer(rest, np.uint8)
        found.append(Stretch(start, start + len(rest), _rows(_ends(data, quoted)) + 1))
    return found


def _ends(data: Array, quoted: bool) -> Array:
    """Where rows end, bool [n], in bytes that begin with a row."""
    end = (data == ord("\n")) | (data == ord("\r"))
    return end & (np.cumsum(data == _QUOTE) % 2 == 0) if quoted else end


def _rows(end: Array) -> int:
    """Ends of rows that are not empty, of bytes that begin with a row."""
    return int(np.count_nonzero(end[1:] & ~end[:-1]))
