"""The weights of a checkpoint, for every process of a training."""

from __future__ import annotations

from pathlib import Path

from rec.checkpoint.files import load
from rec.distributed.ranks import here
from rec.engine.engine import Engine


def take_weights(engine: Engine, folder: Path) -> None:
    """Give everybody's engine the weights of a checkpoint: of a divided table each is asked for its rows of it.

    Raises:
        UserError: it is damaged.
    """
    here().order("load", folder=str(folder.resolve()))
    load_weights(engine, folder)


def load_weights(engine: Engine, folder: Path) -> None:
    """Give this process's engine its part of them."""
    table = engine.table
    engine.load(load(folder, "weights", divided=table is not None and table.divided))
