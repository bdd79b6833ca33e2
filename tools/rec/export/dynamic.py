"""tools/to_static.py: trained dynamic models as inference models, `tostatic.*` beside their checkpoints."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import paddle

from rec.checkpoint.store import load
from rec.errors import UserError
from rec.export.capture import Capture
from rec.export.files import writing
from rec.export.house import HouseCapture
from rec.loading import where
from rec.loop.evaluate import chosen
from rec.report.console import log
from rec.session import Session, batch_length

NAME = "tostatic"
BATCHES = 8  # enough to tell two of the reader's arrays apart


def export(session: Session) -> None:
    """Export the checkpoints that `tools/infer.py` would evaluate.

    What the network takes is read off a few batches of the test data: PaddleRec's directories do not declare it.

    Raises:
        UserError: no such checkpoint, no data, or a network that Paddle cannot turn into a program.
    """
    folders = chosen(session)
    engine: Any = session.engine
    batches = list(itertools.islice(session.batches(session.reader, session.plan(0, 0, training=False)), BATCHES))
    if not batches or not batch_length(batches[0]):
        raise UserError(f"{session.config.resolve(session.config.runner.test_data_dir)}: holds no batch to read")
    engine.net.eval()
    captured = HouseCapture(engine, batches[0]) if session.house else Capture(engine, batches)
    for folder in folders:
        engine.load(load(folder, "weights"))
        with writing(folder, NAME, captured.signature) as path:
            _save(captured.layer(), captured.specs, str(path), session)
        log.info("inference model: %s", folder / NAME)


def _save(layer: Any, specs: list[Any], path: str, session: Session) -> None:
    layer.eval()
    try:
        with warnings.catch_warnings(), paddle.utils.unique_name.guard():
            warnings.simplefilter("ignore")
            paddle.jit.save(paddle.jit.to_static(layer, input_spec=[specs], full_graph=True), path)
    except OSError:
        raise
    except Exception as error:
        reason = where(error, session.config.model_dir)
        raise UserError(f"Paddle cannot turn the network into a program: {reason}") from error
