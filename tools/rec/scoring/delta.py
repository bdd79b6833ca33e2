"""What of an exported model differs from the one before: rows that changed, came and went, and the network.

Most bytes of two exports a day apart are the same, in other places where the vocabulary has grown. A delta holds, for
each file, a patch from the one of that name before (`detools`, HDiffPatch's format), and the checksums of both exports:
what it makes is the new export to the byte, or nothing.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from rec.checkpoint.manifest import sha256
from rec.console import Bar, log
from rec.errors import UserError
from rec.output import whole_folder
from rec.scoring.manifest import MANIFEST, read_export

DELTA = "delta.json"
_BLOCK = 32
"""Bytes of a match, at least: less than a row of 12 numbers."""


class Patch(BaseModel):
    """How a file of the new export is made: as it was, or by `NAME.patch`; `sha256` of what that gives."""

    model_config = ConfigDict(strict=True, extra="forbid")

    how: Literal["same", "patch"]
    sha256: str


class DeltaManifest(BaseModel):
    """delta.json: SHA-256 of the export.json that it begins with, and each file of the new export."""

    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal["ranker-delta"] = "ranker-delta"
    version: Literal[1] = 1
    before: str
    files: dict[str, Patch]


def make(before: Path, after: Path, to: Path) -> None:
    """Write the delta of two exported models.

    Args:
        before, after: their folders.
        to: the folder to make.

    Raises:
        UserError: one of them is no exported model or has changed, or detools is not installed.
    """
    detools, old, new = _detools(), _files(before), _files(after)
    if to.exists() and not (to / DELTA).is_file():
        raise UserError(f"{to}: is there, and is no delta: choose another folder with --to")
    files = {}
    with whole_folder(to) as folder, Bar("files", len(new)) as bar:
        for name, checksum in new.items():
            same = old.get(name) == checksum
            files[name] = Patch(how="same" if same else "patch", sha256=checksum)
            if not same:
                with (
                    _source(before / name, folder) as source,
                    (after / name).open("rb") as wanted,
                    (folder / f"{name}.patch").open("wb") as patch,
                ):
                    detools.create_patch(
                        source, wanted, patch, compression="none", patch_type="hdiffpatch", algorithm="hdiffpatch",
                        match_block_size=_BLOCK,
                    )  # fmt: skip
            bar.advance(1)
        manifest = DeltaManifest(before=old[MANIFEST], files=files)
        (folder / DELTA).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    size, whole = (sum(path.stat().st_size for path in folder.iterdir()) for folder in (to, after))
    log.info("%s: %.1f MB in place of %.1f MB", to.resolve(), size / 1e6, whole / 1e6)


def apply(delta: Path, export: Path) -> None:
    """Make of an exported model the next one, in its place; a service that watches the folder takes it from there.

    Raises:
        UserError: the delta is none, is damaged, or begins with another export. What is there stays as it is then.
    """
    detools, manifest, old = _detools(), _read(delta), _files(export)
    if old[MANIFEST] != manifest.before:
        raise UserError(
            f"{delta}: begins with another export than {export} (see export.json): apply those between first"
        )
    with whole_folder(export) as folder:
        for name, patch in manifest.files.items():
            if patch.how == "same":
                shutil.copyfile(export / name, folder / name)
            else:
                with _source(export / name, folder) as source, (folder / name).open("wb") as made:
                    try:
                        with (delta / f"{name}.patch").open("rb") as content:
                            detools.apply_patch(source, content, made)
                    except (OSError, detools.Error) as error:
                        raise UserError(f"{delta}: {name}.patch cannot be applied: {error}") from None
            if sha256(folder / name) != patch.sha256:
                raise UserError(f"{delta}: is damaged: it makes another {name} than it was written for")
        read_export(folder)
    log.info("%s: is the next export now", export.resolve())


def _detools() -> Any:
    if importlib.util.find_spec("detools") is None:
        raise UserError("tools/delta.py needs detools: pip install -r requirements-export.txt")
    import detools

    return detools


def _files(folder: Path) -> dict[str, str]:
    """Checksums of an export's files, export.json's too, which are as they were written."""
    return {**read_export(folder).files, MANIFEST: sha256(folder / MANIFEST)}


def _source(path: Path, folder: Path) -> Any:
    """A file of the export before; of one that it has not, a file of one byte, as an empty one cannot be mapped."""
    if path.is_file() and path.stat().st_size:
        return path.open("rb")
    nothing = folder.with_name(f"{folder.name}-nothing")
    nothing.write_bytes(b"\0")
    try:
        return nothing.open("rb")
    finally:
        nothing.unlink()


def _read(delta: Path) -> DeltaManifest:
    path = delta / DELTA
    try:
        manifest = DeltaManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"{delta}: holds no {DELTA}, which tools/delta.py writes") from None
    except (OSError, ValidationError):
        raise UserError(f"{path}: is damaged, or of another version: make the delta again") from None
    if any(Path(name).name != name for name in manifest.files):
        raise UserError(f"{path}: names files outside of the folder")
    return manifest
