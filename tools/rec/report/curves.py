"""Training curves for VisualDL, or for TensorBoard where VisualDL does not work."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from rec.config.config import Config
from rec.console import log
from rec.errors import UserError


class Curves:
    """Scalars by step, in `<model directory>/visualDL_log/<part>`, where PaddleRec's users look for them."""

    def __init__(self, config: Config, part: str) -> None:
        folder = config.model_dir / "visualDL_log" / part
        self._writer = _open(str(folder))
        log.info("curves: %s", folder)

    def add(self, values: Mapping[str, Any], step: int) -> None:
        """Add each number; an undefined AUC is left out."""
        for name, value in values.items():
            if isinstance(value, float | int):
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def _open(folder: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from visualdl import LogWriter

            return LogWriter(logdir=folder)
        except Exception as error:  # it breaks in many ways beside newer NumPy and protobuf
            log.info("VisualDL does not work here (%s): writing TensorBoard event files", type(error).__name__)
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise UserError("runner.use_visual needs visualdl or tensorboardX: pip install tensorboardX") from None
    return SummaryWriter(folder)
