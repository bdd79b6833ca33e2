"""A checkpoint's files, of ours or of PaddleRec's, read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from rec.checkpoint import arrays
from rec.checkpoint.manifest import Manifest, read_manifest, sha256
from rec.checkpoint.shards import read, shards_of
from rec.checkpoint.state import State
from rec.errors import UserError

PREFIXES = ("rec", "rec_static")
ENDINGS = {"safetensors": (".safetensors", ".opt.safetensors"), "pdparams": (".pdparams", ".pdopt")}


def load(folder: Path, what: Literal["weights", "everything"], divided: bool = False) -> State:
    """A checkpoint's state, from our files or PaddleRec's, of either graph mode; checksums are verified where present.

    A table in shards is joined; `divided`: it is for one that is divided, which reads its own rows by `[rank::count]`.

    Raises:
        UserError: it is missing, incomplete or damaged.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such checkpoint")
    manifest = read_manifest(folder)
    candidates = [(prefix + w, prefix + o) for prefix in PREFIXES for w, o in ENDINGS.values()]
    found = next(((w, o) for w, o in candidates if (folder / w).is_file()), None)
    if found is None:
        raise UserError(f"{folder}: holds no checkpoint (looked for {', '.join(w for w, _ in candidates)})")
    for name in found if what == "everything" else found[:1]:
        check_file(folder, name, manifest)
    state = State(arrays.read(folder / found[0]))
    in_shards = _table_of(folder, what == "everything", manifest)
    state.weights |= {name: value if divided else np.asarray(value) for name, value in in_shards if "/" not in name}
    if what == "everything":
        state.optimizer = arrays.read(folder / found[1])
        state.optimizer |= {name: value if divided else np.asarray(value) for name, value in in_shards if "/" in name}
        if manifest is not None:
            state.scheduler, state.rule = manifest.scheduler, manifest.rule
    return state


def _table_of(folder: Path, optimizer: bool, manifest: Manifest | None) -> list[tuple[str, Any]]:
    """The arrays of a table in shards, by name."""
    paths = shards_of(folder, manifest.files) if manifest else []
    for path in paths:
        check_file(folder, path.name, manifest)
    return list(read(paths, optimizer).items()) if paths else []


def check_file(folder: Path, name: str, manifest: Manifest | None) -> Path:
    """The path of a checkpoint's file, whose checksum is right wherever the manifest has one.

    Raises:
        UserError: the file differs from the one that was written.
    """
    path = folder / name
    expected = manifest.files.get(name) if manifest else None
    if expected and path.is_file():
        try:
            found = sha256(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        if found != expected:
            raise UserError(f"{path}: its checksum differs from the one in state.json: damaged; use another")
    return path
