"""Whether a folder still holds the data that it held."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rec.data.lines import data_files
from rec.errors import UserError

_PIECE = 1 << 16


def fingerprint(folder: Path) -> str:
    """16 hexadecimal digits of the names and sizes of a data folder's files and of pieces of what they hold.

    A piece is read at the beginning, in the middle and at the end of each file: the whole of it may take minutes.

    Raises:
        UserError: the folder is missing or empty, or a file cannot be read.
    """
    digest = hashlib.sha256()
    for name in data_files(folder, or_folders=True):
        path = Path(name)
        digest.update(path.name.encode())
        if path.is_dir():
            continue
        try:
            size = path.stat().st_size
            digest.update(f" {size} ".encode())
            with path.open("rb") as file:
                for place in dict.fromkeys((0, max(0, size // 2 - _PIECE // 2), max(0, size - _PIECE))):
                    file.seek(place)
                    digest.update(file.read(_PIECE))
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()[:16]
