"""Lines of text files by number: where each begins, so that an epoch can visit them in any order."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from rec.errors import UserError
from rec.kernels.words import SIZE
from rec.numeric import Array

_CHUNK = 1 << 24


def data_files(folder: Path, or_folders: bool = False) -> list[str]:
    """The data files of a folder, sorted; hidden files and sub-folders are none.

    Args:
        folder: where to look.
        or_folders: where there is no file, take the sub-folders.

    Raises:
        UserError: the folder is missing or holds no file.
    """
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        raise UserError(f"{folder}: no such data directory (set it in the config, or with -o)") from None
    except NotADirectoryError:
        raise UserError(f"{folder}: expected a directory of data files, found a file") from None
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from None
    entries = [entry for entry in entries if not entry.name.startswith(".")]
    files = [str(entry) for entry in entries if entry.is_file()]
    if not files and or_folders:
        files = [str(entry) for entry in entries if entry.is_dir()]
    if not files:
        raise UserError(f"{folder}: holds no data files")
    return files


class LineIndex:
    """The non-blank lines of some files: 12 bytes of memory per line, one pass over the files to build.

    Lines are numbered through all files; `read` fetches any of them with one system call per run of neighbours.

    Attributes:
        file_rows: how many each file has.
    """

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths
        per_file = [_line_bounds(path) for path in paths]
        self.file_rows = {path: len(starts) for path, (starts, _) in zip(paths, per_file, strict=True)}
        self._file = np.repeat(np.arange(len(paths), dtype=np.int32), [len(starts) for starts, _ in per_file])
        self._start = np.concatenate([starts for starts, _ in per_file])
        self._length = np.concatenate([lengths for _, lengths in per_file])
        self._handles: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._start)

    def read(self, lines: Array) -> tuple[Array, Array]:
        """The text of `lines` (int64 [B]) end to end and a word of zeros, uint8; and where each begins, int64 [B + 1].

        Raises:
            UserError: a file was removed or became shorter since it was indexed.
        """
        lengths = self._length[lines]
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        text = np.empty(starts[-1] + SIZE, np.uint8)
        text[starts[-1] :] = 0
        # A run of neighbouring lines of one file is one read; a blank line in between ends the run.
        first = self._start[lines]
        follows = (first[1:] == first[:-1] + lengths[:-1]) & (self._file[lines][1:] == self._file[lines][:-1])
        heads = np.flatnonzero(np.concatenate([[True], ~follows])) if len(lines) else np.empty(0, np.int64)
        for head, stop in zip(heads, [*heads[1:], len(lines)], strict=True):
            target: Any = text[starts[head] : starts[stop]]
            file = int(self._file[lines[head]])
            if os.preadv(self._open(file), [target], int(first[head])) != len(target):
                raise UserError(f"{self.paths[file]}: became shorter while it was read; start again")
        return text, starts

    def where(self, line: int) -> str:
        """`file:number` of a line, counting blank lines, for messages."""
        file, start = int(self._file[line]), int(self._start[line])
        with Path(self.paths[file]).open("rb") as handle:
            number, left = 1, start
            while left > 0 and (chunk := handle.read(min(_CHUNK, left))):
                number += chunk.count(b"\n")
                left -= len(chunk)
        return f"{self.paths[file]}:{number}"

    def _open(self, file: int) -> int:
        if file not in self._handles:
            try:
                opened = os.open(self.paths[file], os.O_RDONLY)
            except OSError as error:
                raise UserError(f"{self.paths[file]}: cannot be read: {error.strerror}") from None
            if self._handles.setdefault(file, opened) != opened:  # another thread was faster
                os.close(opened)
        return self._handles[file]


def _line_bounds(path: str) -> tuple[Array, Array]:
    """Where each non-blank line starts, int64, and its length with the line end, int32."""
    ends = [np.empty(0, np.int64)]
    size = 0
    last = b"\n"
    try:
        with Path(path).open("rb") as handle:
            while chunk := handle.read(_CHUNK):
                ends.append(np.flatnonzero(np.frombuffer(chunk, np.uint8) == 10) + (size + 1))
                size += len(chunk)
                last = chunk[-1:]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if last != b"\n":
        ends.append(np.array([size]))
    stops = np.concatenate(ends)
    starts = np.concatenate([[0], stops[:-1]])[: len(stops)]
    lengths = stops - starts
    if len(lengths) and lengths.max() > np.iinfo(np.int32).max:
        raise UserError(f"{path}: has a line of over 2 GB; expected text lines id,label,...,field:id,...")
    full = lengths > 1
    if last != b"\n" and len(full):
        full[-1] = True
    with Path(path).open("rb") as handle:
        for line in np.flatnonzero(full & (lengths <= 2)):  # "\r\n" alone is a blank line too
            handle.seek(int(starts[line]))
            full[line] = handle.read(1) != b"\r"
    return starts[full].astype(np.int64), lengths[full].astype(np.int32)
