"""A model that answers requests: an export that has been tried, and the formula that it ranks by."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rec.checkpoint.manifest import sha256
from rec.data.raw import Row
from rec.errors import UserError
from rec.fuse.formula import FORMULA, Formula
from rec.numeric import Array
from rec.scoring.exported import Exported
from rec.scoring.manifest import MANIFEST


@dataclass(frozen=True)
class Served:
    """An export in memory.

    Attributes:
        model: it.
        formula: what requests are ranked by that bring no weights of their own.
        version: the first digits of the SHA-256 of its `export.json`, which holds the checksums of all other files.
    """

    model: Exported
    formula: Formula
    version: str

    @classmethod
    def load(cls, folder: Path) -> Served:
        """Open an export, check its files, and ask it for what the trained model predicted.

        Raises:
            UserError: it is none, a file has changed, or it predicts otherwise.
        """
        model = Exported(folder)
        model.check()
        path = folder / FORMULA
        formula = Formula.load(path) if path.is_file() else _formula(model)
        found = cls(model, formula, sha256(folder / MANIFEST)[:12])
        with contextlib.suppress(UserError):  # the first request pays for no compilation; a column may be missing here
            found.predict([{}], {})
        return found

    @property
    def outputs(self) -> list[str]:
        """Names of the predictions."""
        return [each.name for each in self.model.manifest.outputs]

    def predict(self, rows: Sequence[Row], user: Row | None = None) -> dict[str, Array]:
        """Predictions by name, float32 [B] each.

        Raises:
            UserError: a value is none that its column may hold, or so large that the model's arithmetic fails.
        """
        found = self.model.predict(self.model.batch(rows, user))
        for name, values in found.items():
            odd = np.flatnonzero(~np.isfinite(values))
            if len(odd):
                raise UserError(f"rows: row {odd[0] + 1}: {name} is no finite number: a number of the row is too large")
        return found

    def says(self) -> str:
        """What it is, in a few words."""
        of = self.model.manifest
        where = f", epoch {of.epoch}, {of.step} updates" if of.step is not None else ""
        return f"{Path(of.model).name}{where}, version {self.version}"


def _formula(model: Exported) -> Formula:
    """pctr * pcvr, of which a model may have one; of one that has neither its first prediction.

    Of a calibrated one pctcvr, which the product is not: each is right about its own label.
    """
    outputs = [each.name for each in model.manifest.outputs]
    calibrated = model.manifest.calibration is not None and "pctcvr" in outputs
    terms = {name: 1.0 for name in (("pctcvr",) if calibrated else ("pctr", "pcvr")) if name in outputs}
    return Formula(form="power", terms=terms) if terms else Formula(form="additive", terms={outputs[0]: 1.0})
