"""A model directory written for PaddleRec: the one place that asks such a directory what it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.config.config import Config
from rec.config.negatives import NEGATIVES
from rec.console import log
from rec.data.lines import data_files
from rec.data.paddlerec import brings_loader, open_rows
from rec.data.reader import Part
from rec.data.rows import RowReader
from rec.data.vocabulary import Vocabulary
from rec.engine.dygraph import DygraphEngine
from rec.engine.engine import Engine
from rec.engine.static_directory import StaticDirectoryEngine
from rec.loading import ModelDirectory
from rec.metrics.task import Task
from rec.run.directory import Directory, make_model, on_this_machine, warn_of_inference
from rec.run.model import Mode
from rec.run.parts import mixed_parts


class PaddleRecDirectory(Directory):
    """PaddleRec's model and readers, as they are. Its model is made first: it may write into the config what the reader
    reads there.

    Args:
        config: as it was read; what a model of ours would be refused for is a warning here.
        directory: its modules.
        model: its `DygraphModel` or `StaticModel`, a class; None: it has only the other one, and is only looked at.
        mode: graph mode.

    Raises:
        UserError: the model cannot be made.
    """

    native = False

    def __init__(self, config: Config, directory: ModelDirectory, model: type | None, mode: Mode) -> None:
        self.config = on_this_machine(config)
        self.problems = config.problems
        self.directory, self.mode = directory, mode
        self._feed_dtypes: list[str] | None = None
        self.model = None if model is None else make_model(model, self.config, mode)
        self.own_loader = brings_loader(self.config, self.model)

    def warn(self) -> None:
        """Say also what a model of ours would be refused for."""
        super().warn()
        for warning in [*self.config.warnings, *self.config.probably_misspelt()]:
            log.warning("%s: %s", self.config.path, warning)
        if isinstance(self.config.data, Mapping) and self.config.data.get(NEGATIVES) is not None:
            log.warning("%s: data.%s has no effect: the directory's own reader reads", self.config.path, NEGATIVES)

        if self.config.runner.metrics:
            log.warning("%s: runner.metrics has no effect: the directory counts its own", self.config.path)

    def missing(self, training: bool) -> list[str]:
        name = "train_data_dir" if training else "test_data_dir"
        given = self.own_loader or self.config.runner.model_dump()[name]
        absent = [] if given else [f"runner.{name} is missing"]
        if self.config.runner.calibration:
            absent.append("runner.calibration: PaddleRec's models do not tell which output predicts which label")
        if training and self.config.runner.gradient_cosines:
            absent.append("runner.gradient_cosines: PaddleRec's models do not tell their losses apart")
        return absent + (mixed_parts(self.config) if training else [])

    def tasks(self) -> tuple[Task, ...]:
        return ()

    def _open_reader(self, part: Part, vocabulary: Vocabulary | None, keep_excluded: bool) -> RowReader:
        self.config["reader_for"] = part  # a loader of the model's own is made alike for every part, and may ask
        runner = self.config.runner
        folder = {"train": runner.train_data_dir, "valid": runner.valid_data_dir, "test": runner.test_data_dir}[part]
        files = (
            []
            if self.own_loader
            else [file for place in self.config.places(folder) for file in data_files(place, or_folders=True)]
        )
        return open_rows(self.config, self.directory, self.model, part, files, self._feed_dtypes)

    def _build_engine(self, training: bool, reader: Any) -> Engine:
        if self.mode == "static":
            engine: Engine = StaticDirectoryEngine(self.model, self.config, training)
        else:
            if training:
                warn_of_inference(self.config)
            engine = DygraphEngine(self.model, self.config, training)
        self._feed_dtypes = engine.feed_dtypes
        return engine
