"""Where raw bytes come from: plain files, or members of a .tar.gz that is read once, front to back, never unpacked."""

import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from rec.errors import UserError

BLOCK = 16 << 20
"""Bytes of text per block: enough to hide Python's share, little enough to hold several."""
_COMPRESSED = 1 << 18
_TAR_RECORD = 1 << 20

Advance = Callable[[int], object]
"""Told how many more bytes of the file on disk were read."""


class DamagedError(Exception):
    """A stream that ends early or is corrupt; the message says which."""


@dataclass(frozen=True)
class Source:
    """The raw files of one split: an archive that holds both, or two plain files."""

    split: str
    paths: tuple[Path, ...]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(path.stat().st_size for path in self.paths)

    def streams(self, advance: Advance) -> Iterator[tuple[str, bool, Iterator[bytes]]]:
        """(name, is common, blocks) of the two files in the order they lie in; exhaust one's blocks before the next.

        Raises DamagedError if the archive ends early or is corrupt, UserError if it lacks one of the files.
        """
        if len(self.paths) == 2:
            for path in self.paths:
                with path.open("rb", buffering=0) as file:
                    yield str(path), path.name.startswith("common"), _blocks(_Counted(file, advance))
            return
        missing = list(file_names(self.split))
        with self.paths[0].open("rb", buffering=0) as file:
            for name, content in _members(_Gunzip(_Counted(file, advance))):
                if name in missing:
                    missing.remove(name)
                    yield f"{self.paths[0]}/{name}", name.startswith("common"), _blocks(content)
        if missing:
            raise UserError(f"{self.paths[0]}: the archive holds no {' and no '.join(missing)}")


def file_names(split: str) -> tuple[str, str]:
    """The release's skeleton and common-features file of a split."""
    return f"sample_skeleton_{split}.csv", f"common_features_{split}.csv"


def find(folder: Path) -> list[Source]:
    """The splits whose raw files lie in ``folder``, train first; plain files are preferred to an archive.

    Raises UserError if the training files are missing, or one file of a split.
    """
    found = []
    for split in ("train", "test"):
        plain = tuple(folder / name for name in file_names(split))
        archive = folder / f"sample_{split}.tar.gz"
        absent = [path.name for path in plain if not path.exists()]
        if not absent:
            found.append(Source(split, plain))
        elif archive.exists():
            found.append(Source(split, (archive,)))
        elif len(absent) == 1:
            raise UserError(f"{folder}: {absent[0]} is missing; a split needs its skeleton and its common features")
    if not found or found[0].split != "train":
        names = " and ".join(file_names("train"))
        raise UserError(f"{folder}: no training data here (expected sample_train.tar.gz, or {names})")
    return found


class _Counted:
    """A file whose every read is reported."""

    def __init__(self, file: BinaryIO, advance: Advance) -> None:
        self._file, self._advance = file, advance

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._advance(len(data))
        return data


class _Gunzip:
    """Decompresses a gzip file of one or more members; zlib runs without the interpreter lock."""

    def __init__(self, file: _Counted) -> None:
        self._file = file
        self._zlib = zlib.decompressobj(31)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes, none at the end; raises DamagedError."""
        while True:
            data = self._zlib.unconsumed_tail or self._rest or self._file.read(_COMPRESSED)
            self._rest = b""
            if not data:
                if self._zlib.eof:
                    return b""
                raise DamagedError("the archive ends early (an incomplete download?)")
            if self._zlib.eof:
                self._zlib = zlib.decompressobj(31)
            try:
                text = self._zlib.decompress(data, size)
            except zlib.error as error:
                raise DamagedError(f"the archive is corrupt ({error})") from error
            self._rest = self._zlib.unused_data
            if text:
                return text


def _members(stream: _Gunzip) -> Iterator[tuple[str, IO[bytes]]]:
    """(file name without folders, content) of a tar stream's files, in order; reads on to the stream's end."""
    try:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_TAR_RECORD) as archive:  # type: ignore[call-overload]
            for member in archive:
                if content := archive.extractfile(member):
                    yield Path(member.name).name, content
        while stream.read(_TAR_RECORD):  # what follows the last file counts for the checksum
            pass
    except tarfile.TarError as error:
        raise DamagedError(f"the archive is corrupt ({error})") from error


def _blocks(stream: _Counted | IO[bytes]) -> Iterator[bytes]:
    """Whole lines, about BLOCK bytes at a time; the last one gets a newline if it has none. Raises DamagedError."""
    rest = b""
    while True:
        try:
            data = stream.read(BLOCK)
        except tarfile.TarError as error:
            raise DamagedError(f"the archive is corrupt ({error})") from error
        end = data.rfind(b"\n") + 1
        if end:
            yield rest + data[:end]
            rest = data[end:]
        elif data:
            rest += data
        elif rest:
            yield rest + b"\n"
            return
        else:
            return
        if len(rest) > BLOCK:
            raise DamagedError(f"a line is longer than {BLOCK >> 20} MiB")
