"""state.json: what a checkpoint says of itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from rec.errors import UserError


@dataclass
class Manifest:
    """What a checkpoint says of itself, in state.json.

    Attributes:
        epoch: the epoch it was made in.
        next_batch: where in that epoch training goes on; None: the epoch is complete.
        step: updates made since training began.
        run: which training made it; one folder may hold several.
        metrics: validation metrics, flat.
        meter: the epoch's running averages, for a resumed run.
        patience: what the validations before came to.
        scheduler: the learning-rate schedule's numbers.
        order: what the order of the training data depends on; `next_batch` counts under it.
        rule: the optimizers' class names.
        reading: what the training read, as `Reader.reading` says it.
        training: what else a resumed run must have alike: data, optimizers, splits.
        vocabulary: of one that grows the day, and by field what came and went on it.
        files: SHA-256 of each file.
        saved: Unix time.
        checksum: SHA-256 of all of the above; empty in files from before it was kept.
    """

    epoch: int
    next_batch: int | None
    step: int
    run: str
    metrics: dict[str, float | None] = field(default_factory=dict)
    meter: dict[str, Any] = field(default_factory=dict)
    patience: dict[str, Any] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    rule: str = ""
    reading: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    vocabulary: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    saved: float = 0.0
    checksum: str = ""

    @property
    def name(self) -> str:
        """Folder name: the epoch, as PaddleRec has it, or the place within it."""
        return str(self.epoch) if self.next_batch is None else f"{self.epoch}-batch{self.next_batch}"


def read_manifest(folder: Path) -> Manifest | None:
    """What a checkpoint folder says of itself; None for one that PaddleRec wrote.

    Raises:
        UserError: its state.json is damaged.
    """
    path = folder / "state.json"
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        Manifest(**content)  # a name that is missing or unknown
        manifest = TypeAdapter(Manifest).validate_python(content)
    except (OSError, ValueError, TypeError, RecursionError):
        raise UserError(f"{path}: damaged; use another checkpoint") from None
    if manifest.checksum and manifest.checksum != own_checksum(content):
        raise UserError(f"{path}: its checksum differs from its content: damaged; use another checkpoint")
    return manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write it, with a checksum of itself."""
    content = plain(asdict(manifest))
    content["checksum"] = own_checksum(content)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they will be read: lists for tuples, text for number keys. What JSON does not know is left out."""
    known = {}
    for name, value in values.items():
        try:
            known[name] = json.loads(json.dumps(value))
        except TypeError:  # an object that a PaddleRec model put into its config
            continue
    return known


def own_checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest's content but for the checksum itself."""
    rest = {name: value for name, value in content.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()
