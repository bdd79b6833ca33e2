"""tools/to_static.py: trained dynamic models as inference models, `tostatic.*` beside their checkpoints."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from rec.calibration.file import CALIBRATION
from rec.console import log
from rec.data.batch import batch_length
from rec.errors import UserError
from rec.export.calibrated import check_exportable
from rec.export.capture import Capture
from rec.export.files import writing
from rec.export.native import NativeCapture, save
from rec.run.assembly import Run
from rec.run.calibrated import calibrate
from rec.run.start import checkpoint_folder, evaluated

NAME = "tostatic"
BATCHES = 8  # enough to tell two of the reader's arrays apart


def export(run: Run) -> None:
    """Export the checkpoints that `tools/infer.py` would evaluate.

    What the network takes is read off a few batches of the test data: PaddleRec's directories do not declare it.

    Raises:
        UserError: no such checkpoint, no data, or a network that Paddle cannot turn into a program.
    """
    captured: Capture | NativeCapture | None = None
    for start in evaluated(run.config):
        restored = run.restore(start)
        calibration = calibrate(restored, start)
        check_exportable(calibration)
        if captured is None or restored is not run:
            captured, run = _capture(restored), restored
        folder = checkpoint_folder(start)
        part = start.manifest.files[CALIBRATION] if calibration and start.manifest else None
        with writing(folder, NAME, replace(captured.signature, calibration=part)) as path:
            save(captured.layer(), captured.specs, path, run.config)
        log.info("inference model: %s", folder / NAME)


def _capture(run: Run) -> Capture | NativeCapture:
    """What the network takes, from the first batches of the test data."""
    batches = list(itertools.islice(run.batches(run.reader, run.plan(0, 0, training=False)), BATCHES))
    if not batches or not batch_length(batches[0]):
        raise UserError(f"{run.config.runner.test_data_dir}: holds no batch to read")
    engine: Any = run.engine
    engine.net.eval()
    return NativeCapture(engine, batches[0]) if run.native else Capture(engine, batches)
