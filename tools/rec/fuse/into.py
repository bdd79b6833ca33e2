"""A ranking formula in an exported model."""

from __future__ import annotations

import shutil
from pathlib import Path

from rec.console import log
from rec.errors import UserError
from rec.fuse.formula import Formula
from rec.output import whole_folder
from rec.scoring.manifest import read_export, write_export


class Exported:
    """An exported model that is to have a formula of its predictions.

    Args:
        folder: it.
        models: how many models' predictions the formula is of.

    Raises:
        UserError: it is no exported model, or has changed; or the formula is of several models.
    """

    def __init__(self, folder: Path, models: int) -> None:
        self._folder, self._manifest = folder, read_export(folder)
        if models > 1:
            raise UserError(f"--into {folder}: is one model, and the formula is of {models} models' predictions")

    def take(self, formula: Formula) -> None:
        """Write `formula.json`, with its checksum in `export.json`; one that was there is replaced."""
        own = {each.name for each in self._manifest.outputs}
        others = [name for name in formula.terms if name not in own]
        with whole_folder(self._folder) as folder:  # a formula and its checksum are one: no kill comes between them
            shutil.copytree(self._folder, folder, dirs_exist_ok=True)
            formula.save(folder)
            write_export(folder, self._manifest)
        needs = f"; candidates have to come with {', '.join(others)}" if others else ""
        log.info("%s: ranks by the formula%s", self._folder.resolve(), needs)
