"""export.json: what an exported model says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from rec.checkpoint.manifest import sha256
from rec.config.behaviours import LabelKind
from rec.config.calibration import CalibrationSettings
from rec.errors import UserError

MANIFEST = "export.json"
MODEL, PROGRAM = "model.onnx", "program"
CONFIG, ORIGINAL_IDS, CARD = "config.yaml", "original_ids.parquet", "README.md"


class Array(BaseModel):
    """An input or output: its name, NumPy's name of its type, its shape by the names of its sizes, its meaning."""

    model_config = ConfigDict(strict=True, extra="forbid")

    name: str
    dtype: str
    shape: list[str | int]
    meaning: str


class ExportManifest(BaseModel):
    """What an exported model says of itself.

    Attributes:
        model, checkpoint: the model directory, and the folder that was exported.
        epoch, step: of that.
        reader: what raw rows are: a table's, or ids.
        fields, shared: the fields, and those that rows may share.
        offsets: of prepared data each field's unknown id; of others nothing.
        num_id: rows of the embedding table.
        columns: what the network predicts from besides, and what it may be.
        inputs, outputs: of the model, in their order.
        rows: how the table's rows are stored.
        calibration: how its probabilities are corrected; None: they are not.
        parity: the largest difference of predictions from the trainer's, by what scored them.
        metrics: of the exported model on test data, by task.
        versions: of what wrote it.
        files: SHA-256 of each file.
    """

    model_config = ConfigDict(strict=True, extra="forbid", protected_namespaces=())

    format: Literal["ranker-export"] = "ranker-export"
    version: Literal[1] = 1
    model: str
    checkpoint: str
    epoch: int | None
    step: int | None
    reader: Literal["table", "ids"]
    fields: list[str]
    shared: list[str]
    offsets: dict[str, int]
    num_id: int
    columns: dict[str, LabelKind]
    inputs: list[Array]
    outputs: list[Array]
    rows: Literal["float32", "float16", "int8"]
    calibration: CalibrationSettings | None = None
    parity: dict[str, float]
    metrics: dict[str, dict[str, Any]]
    versions: dict[str, str]
    files: dict[str, str] = {}


def write_export(folder: Path, manifest: ExportManifest) -> None:
    """Write it beside the files, with their checksums."""
    names = sorted(path.name for path in folder.iterdir() if path.name != MANIFEST)
    found = manifest.model_copy(update={"files": {name: sha256(folder / name) for name in names}})
    (folder / MANIFEST).write_text(found.model_dump_json(indent=1), encoding="utf-8")


def read_export(folder: Path) -> ExportManifest:
    """What a folder says of itself, each of whose files is as it was written.

    Raises:
        UserError: it is no exported model, or a file is missing or has changed.
    """
    path = folder / MANIFEST
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        manifest = ExportManifest(**content)
    except FileNotFoundError:
        raise UserError(f"{folder}: holds no {MANIFEST}, which tools/export.py writes") from None
    except (OSError, ValueError, TypeError, RecursionError, ValidationError):
        raise UserError(f"{path}: is damaged, or of another version: export the model again") from None
    check_files(folder, manifest.files, manifest.files)
    return manifest


def check_files(folder: Path, files: Mapping[str, str], names: Iterable[str]) -> None:
    """Raise UserError unless files are as they were written."""
    for name in names:
        try:
            found = sha256(folder / name)
        except OSError as error:
            raise UserError(f"{folder / name}: cannot be read: {error.strerror}; export the model again") from None
        if found != files[name]:
            raise UserError(f"{folder / name}: is not as it was written: its checksum differs; export the model again")
