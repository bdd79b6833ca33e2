"""The calibration that a checkpoint's predictions are given, in evaluation and export."""

from __future__ import annotations

from rec.calibration.calibration import Calibration
from rec.calibration.file import CALIBRATION, read
from rec.console import log
from rec.run.assembly import Run
from rec.run.start import Start, checkpoint_folder


def calibrate(run: Run, start: Start) -> Calibration | None:
    """Let the run's model apply a checkpoint's calibration, if `runner.calibration` asks for it.

    Raises:
        UserError: the checkpoint has none, another, or a damaged one.
    """
    wanted, folder = run.config.runner.calibration, checkpoint_folder(start)
    if wanted:
        run.directory.model.calibration = read(folder, start.manifest, wanted)
        return run.directory.model.calibration
    if start.manifest is not None and CALIBRATION in start.manifest.files:
        log.info("%s: has a calibration, which is not applied (runner.calibration)", folder)
    return None
