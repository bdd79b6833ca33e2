"""A checkpoint's calibration.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rec.calibration.calibration import Calibration, TaskCalibration
from rec.calibration.curves import CURVES
from rec.checkpoint.files import check_file
from rec.checkpoint.manifest import Manifest
from rec.config.calibration import CalibrationSettings
from rec.errors import UserError

CALIBRATION = "calibration.json"


def to_json(calibration: Calibration, figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The file's text; `figures`: what is told of each task beside its curves."""
    tasks = {name: {**figures[name], **_task(task)} for name, task in calibration.tasks.items()}
    return json.dumps({"settings": calibration.settings.model_dump(), "tasks": tasks}, indent=1)


def _task(task: TaskCalibration) -> dict[str, Any]:
    values = {str(value): {"share": share, **curve.as_dict()} for value, (curve, share) in task.values.items()}
    return {"overall": task.overall.as_dict(), "values": values}


def read(folder: Path, manifest: Manifest | None, wanted: CalibrationSettings | None = None) -> Calibration:
    """A checkpoint's calibration, if it is the one that is wanted; None: whichever it is.

    Raises:
        UserError: it has none, another, or a damaged one.
    """
    if manifest is None or CALIBRATION not in manifest.files:
        raise UserError(
            f"{folder}: has no calibration; training with runner.calibration fits one at its end, also that of a "
            "finished run (runner.resume=true); or set runner.calibration=none for its predictions as they are"
        )
    path = check_file(folder, CALIBRATION, manifest)
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        settings = CalibrationSettings(**tree["settings"])
        tasks = {name: _read_task(settings.kind, task) for name, task in tree["tasks"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UserError(
            f"{path}: damaged; train with runner.calibration and runner.resume=true to fit it anew"
        ) from None
    if wanted and settings != wanted:
        raise UserError(
            f"{path}: was fitted with {_words(settings)}, runner.calibration says {_words(wanted)}: set it as it was, "
            "or train with runner.resume=true to fit it anew"
        )
    return Calibration(settings, tasks)


def _read_task(kind: str, task: Mapping[str, Any]) -> TaskCalibration:
    curve = CURVES[kind]
    values = {int(value): (curve.of(own), float(own["share"])) for value, own in task["values"].items()}
    return TaskCalibration(curve.of(task["overall"]), values)


def _words(settings: CalibrationSettings) -> str:
    return ", ".join(f"{name}: {value}" for name, value in settings.model_dump().items())
