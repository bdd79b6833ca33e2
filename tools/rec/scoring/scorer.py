"""Scores raw rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rec.data.raw import Row
from rec.errors import UserError
from rec.numeric import Array
from rec.scoring.model import Model

MOST = 4096
"""Rows that are scored at one go."""


class Scorer:
    """A trained model that is asked with raw values.

    `Scorer("output_model/3").score([{"user_id": 42, "item_id": "a", "tags": ["x"], "price": 9.5}])` gives
    `{"pctr": [0.0312], ...}`: arrays by name, as `tools/infer.py` names its predictions. No label is needed. What a row
    lacks is empty: a field without a token, or a number as `data.fields.NAME.missing` says; what training has not seen
    has the vector of unknown values.

    Args:
        path: an exported model (tools/export.py), a checkpoint, or a folder of checkpoints, whose best one is taken
            where `runner.best_metric` or `runner.early_stop` choose one, else the newest.

    Raises:
        UserError: there is none of these, or it is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.model: Model = open_model(Path(path))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that a row may have; others are passed over."""
        return self.model.reader.columns

    def score(self, rows: Sequence[Row], user: Row | None = None) -> dict[str, Array]:
        """Predictions by name, float32 [B] each.

        Args:
            user: of a request's candidates, what each row has besides; the fields that rows share are read once.

        Raises:
            UserError: a value is none that its column may hold, or one is missing that the model predicts from.
        """
        starts = range(0, max(len(rows), 1), MOST)
        parts = [self.model.predict(self.model.batch(rows[at : at + MOST], user)) for at in starts]
        return joined(parts)

    def unseen(self, rows: Sequence[Row]) -> dict[str, list[str]]:
        """By field the values, each once, that training has not seen; nothing of fields where that cannot be told."""
        return self.model.reader.unknown_values(rows)


def joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """The predictions of several batches in a row."""

    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def open_model(path: Path) -> Model:
    """What is at a path.

    Raises:
        UserError: no model is there.
    """
    if (path / "export.json").is_file():
        from rec.scoring.exported import Exported

        return Exported(path)
    # A checkpoint needs Paddle, whose import takes seconds.
    from rec.scoring.checkpoint import Checkpoint, chosen

    if not path.is_dir():
        raise UserError(f"{path}: no such folder; expected an exported model or a checkpoint")
    return Checkpoint(path if (path / "state.json").is_file() else chosen(path))
