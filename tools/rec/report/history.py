"""history.jsonl: every value that a training logs, a line each, beside its checkpoints."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from rec.errors import UserError
from rec.report.values import numbers

NAME = "history.jsonl"


class History:
    """Lines `{"kind": ..., "epoch": ..., "batch": ..., "step": ..., "values": {name: number or null}}`.

    `step` of the kind holds what a print interval came to, `epoch` what an epoch did, `valid` a validation's metrics.
    `batch` is the number of batches of the epoch that were done, null after all; `step` counts updates. A resumed run
    leaves out what came after its checkpoint, so that the lines are those of a run that nothing interrupted.

    Args:
        folder: of the checkpoints.
        step: updates made before; 0: another run's lines are left out too.
        validated: whether the validation at that step is kept.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, folder: Path, step: int, validated: bool) -> None:
        self._path = folder / NAME
        kept = [line for line in _lines(self._path) if step and _is_before(line, step, validated)]
        temporary = folder / f".saving-{NAME}-{os.getpid()}"
        try:
            temporary.write_text("".join(f"{json.dumps(line)}\n" for line in kept), encoding="utf-8")
            temporary.replace(self._path)
        except OSError as error:
            raise UserError(f"{self._path}: cannot be written: {error.strerror}") from None

    def add(
        self,
        kind: Literal["step", "epoch", "valid"],
        epoch: int,
        batch: int | None,
        step: int,
        values: Mapping[str, Any],
    ) -> None:
        """Add a line; what is no single number is left out."""
        line = {"kind": kind, "epoch": epoch, "batch": batch, "step": step, "values": _plain(values)}
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise UserError(f"{self._path}: cannot be written: {error.strerror}") from None


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The lines of a folder of checkpoints, oldest first; none without such a file. What was cut short is left out."""
    return _lines(folder / NAME)


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    found = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:  # the process was killed while it was written
            continue
        if isinstance(line, dict) and {"kind", "step", "values"} <= line.keys():
            found.append(line)
    return found


def _plain(values: Mapping[str, Any]) -> dict[str, float | None]:
    """The single numbers; null where one is undefined, which lines say in words, or not finite, which JSON lacks."""
    undefined = {name: None for name, value in values.items() if value is None or isinstance(value, str)}
    found = numbers({name: value for name, value in values.items() if name not in undefined})
    return undefined | {
        name: value if value is not None and math.isfinite(value) else None for name, value in found.items()
    }


def _is_before(line: Mapping[str, Any], step: int, validated: bool) -> bool:
    return line["step"] < step or (line["step"] == step and (validated or line["kind"] != "valid"))
