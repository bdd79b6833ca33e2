"""A finished run, opened: its best or newest checkpoint, with a reader of its test data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rec.calibration.calibration import Calibration
from rec.calibration.file import CALIBRATION, read
from rec.checkpoint.manifest import Manifest, read_manifest
from rec.config.config import Config, load
from rec.console import log
from rec.data.fingerprint import fingerprint
from rec.errors import UserError
from rec.evidence.columns import Columns, bare, wanted
from rec.evidence.options import Options
from rec.run.assembly import Run, assemble_from, open_directory
from rec.run.calibrated import calibrate
from rec.run.directory import Directory
from rec.run.held_out import DATA, check_tested
from rec.run.start import Start
from rec.scoring.checkpoint import chosen


@dataclass(frozen=True)
class Opened:
    """A run with a checkpoint's weights.

    Attributes:
        name: what a page calls it.
        checkpoint: its folder, and what that says of itself.
        columns: what the reader was asked for.
        calibration: the checkpoint's; None: it has none.
        applied: whether the model applies it, as `runner.calibration` says.
    """

    name: str
    run: Run
    checkpoint: Path
    manifest: Manifest
    columns: Columns
    calibration: Calibration | None
    applied: bool

    @property
    def test_data(self) -> str | None:
        """Fingerprint of the test data; None where they have gone since they were read."""
        config = self.run.config
        try:
            return fingerprint(config.places(config.runner.test_data_dir), "test")
        except UserError:
            return None

    @property
    def training_data(self) -> str | None:
        """Fingerprint of what it was trained on; None where the checkpoint does not say."""
        return self.manifest.training.get(DATA)


def saved(config: Config) -> Path:
    """The checkpoint of the run that a config is of: the best where one is chosen, else the newest.

    Raises:
        UserError: there is none, or the config is of a PaddleRec directory.
    """
    check_native(open_directory(config, "dygraph"))
    return chosen(Path(config.runner.infer_load_path or config.runner.model_save_path))


def checkpoint_in(folder: Path) -> Path:
    """The checkpoint of a folder: itself, or the best or newest in it.

    Raises:
        UserError: there is none.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; expected one of checkpoints, such as runner.model_save_path names")
    return folder if (folder / "state.json").is_file() else chosen(folder)


def config_in(checkpoint: Path, overrides: Sequence[str]) -> Config:
    """The config that a checkpoint was trained with, and `key=value` over it."""
    path = checkpoint / "config.yaml"
    if not path.is_file():
        raise UserError(f"{checkpoint}: holds no config.yaml, which a checkpoint of a model of ours has")
    return load(path, overrides)


def open_run(config: Config, checkpoint: Path, options: Options) -> Opened:
    """Build the network, load the checkpoint, open the test data.

    Raises:
        UserError: the directory is PaddleRec's, or anything is wrong with config, checkpoint or data.
    """
    manifest = read_manifest(checkpoint)
    config = config.merged({"runner": {"infer_load_path": str(checkpoint.parent), "infer_checkpoint": "latest"}})
    directory = open_directory(config, "dygraph")
    check_native(directory)
    if manifest is None:
        raise UserError(f"{checkpoint}: holds no state.json, which a checkpoint of a model of ours has")
    directory.config.check([*directory.problems, *directory.missing(False)])
    start = Start(checkpoint, "weights", manifest=manifest)
    check_tested([start], directory.config)
    columns = wanted(directory.config, start.vocabulary if directory.config.describes_table else None, options)
    run, columns = _assembled(config, columns, options)
    run = run.restore(start)
    found = read(checkpoint, manifest) if CALIBRATION in manifest.files else None
    applied = calibrate(run, start) is not None
    return Opened(_name(checkpoint), run, checkpoint, manifest, columns, found, applied)


def check_native(directory: Directory) -> None:
    """Raise UserError if a model directory is PaddleRec's."""
    if not directory.native:
        raise UserError(
            f"{directory.config.model_dir}: is written for PaddleRec, whose predictions, labels and fields have no "
            "names: tools/infer.py evaluates it, a report is of our models"
        )


def _assembled(config: Config, columns: Columns, options: Options) -> tuple[Run, Columns]:
    """With the columns, or without those that nobody asked for and the data do not have."""
    try:
        return assemble_from(open_directory(columns.applied(config), "dygraph"), "dygraph", "infer"), columns
    except UserError as error:
        least = bare(config)
        if options.item or options.user or options.segments or columns == least:
            raise
        log.warning("%s; what needs such columns is left out", error)
        return assemble_from(open_directory(least.applied(config), "dygraph"), "dygraph", "infer"), least


def _name(checkpoint: Path) -> str:
    whole = checkpoint.resolve()
    return f"{whole.parent.name}/{whole.name}"


def renamed(runs: Sequence[Opened]) -> list[Opened]:
    """Runs that have the same name told apart by the folders above."""
    names = [each.name for each in runs]
    return [replace(each, name=str(each.checkpoint)) if names.count(each.name) > 1 else each for each in runs]
