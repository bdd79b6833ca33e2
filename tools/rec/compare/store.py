"""Finished runs on disk: one JSON file each, named by a hash of everything that the run depends on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rec.data.fingerprint import files_in
from rec.data.tables.storage import stamp
from rec.errors import UserError
from rec.numeric import Array


def key_of(settings: Mapping[str, Any]) -> str:
    """20 hexadecimal digits of the settings, plain data."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def fingerprint(places: Sequence[Path]) -> list[list[Any]]:
    """Names, sizes and times of the files in data folders: other data is another run."""
    return [[Path(file).name, *stamp(Path(file))] for file in files_in(places)]


def code_of(directory: Path) -> str:
    """A hash of the modules in a folder and below, with their names: other code is another run."""
    modules = sorted((path.relative_to(directory).as_posix(), path) for path in directory.rglob("*.py"))
    text = [f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for name, path in modules]
    return hashlib.sha256("".join(text).encode()).hexdigest()


class RunStore:
    """The folder of finished runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """Make the folder, before a run is done that could not be kept."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be made: {error.strerror}") from None

    def load(self, key: str) -> dict[str, Any] | None:
        """The content of a finished run; None where there is none, or it cannot be read."""
        try:
            content = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def arrays(self, key: str) -> dict[str, Array]:
        """The arrays that a run left."""
        path = self.folder / f"{key}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                return dict(file)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read ({error}); delete {key}.json there to run it again") from None

    def save(self, key: str, content: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> None:
        """Keep a finished run; its JSON file comes last, whole or not at all."""
        path, temporary = self.folder / f"{key}.json", self.folder / f".{key}-{os.getpid()}"
        try:
            if arrays:
                with temporary.open("wb") as file:
                    np.savez(file, **arrays)  # type: ignore[arg-type]
                temporary.replace(self.folder / f"{key}.npz")
            temporary.write_text(json.dumps(content, indent=1, default=str), encoding="utf-8")
            temporary.replace(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror}") from None
        finally:
            temporary.unlink(missing_ok=True)
