"""One run of a tool: config, model directory, readers and engine, checked together before anything long starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal

from rec.config.config import Config
from rec.contract.house import HouseModel
from rec.data.lines import data_files
from rec.data.loader import load_batches
from rec.data.plan import ReadPlan
from rec.data.rows import RowReader
from rec.engine.dygraph import DygraphEngine
from rec.engine.engine import Engine
from rec.engine.static import StaticEngine
from rec.engine.static_directory import StaticDirectoryEngine
from rec.errors import UserError
from rec.loading import ModelDirectory, where
from rec.report.console import log

Mode = Literal["dygraph", "static"]
Task = Literal["train", "infer"]


class Session:
    """What a loop works with.

    Args:
        config: as loaded; its problems are raised here, together with those that the model finds.
        mode: graph mode.
        task: `train` needs an optimizer and reads the training data first.

    Raises:
        UserError: anything wrong with config, model directory, reader or data folder.
    """

    def __init__(self, config: Config, mode: Mode, task: Task) -> None:
        self.config, self.mode, self.task = config, mode, task
        if int(os.environ.get("PADDLE_TRAINERS_NUM", "1")) > 1:
            raise UserError("a launcher started several trainers, which would not exchange gradients here: start one")
        self.directory = ModelDirectory(config.model_dir)
        self.model = self._load_model()
        self.house = isinstance(self.model, HouseModel)
        runner = config.runner
        self._reader_class = self.directory.load(
            runner.train_reader_path if task == "train" else runner.infer_reader_path, "RecDataset"
        )
        problems = self.model.check(config, self._reader_class) if self.house else []
        config.check([*problems, *self._missing_settings()])
        self.reader = self.open_reader("train") if task == "train" else self.open_reader("test")
        self.engine: Engine = self._build_engine()

    def _load_model(self) -> Any:
        if self.mode == "dygraph":
            return self.directory.load("dygraph_model", "DygraphModel")()
        model_class = self.directory.load("static_model", "StaticModel")
        try:
            return model_class(self.config)
        except Exception as error:
            raise UserError(f"StaticModel(config) failed: {where(error, self.config.model_dir)}") from error

    def _missing_settings(self) -> list[str]:
        names = ["train_data_dir"] if self.task == "train" else ["test_data_dir"]
        if self.house:
            names += ["train_batch_size"] if self.task == "train" else ["infer_batch_size"]
        return [f"runner.{name} is missing" for name in names if not getattr(self.config.runner, name)]

    def _build_engine(self) -> Engine:
        training = self.task == "train"
        if training and self.config.runner.use_inference and (self.house or self.mode == "dygraph"):
            log.warning("runner.use_inference is for PaddleRec's static models; tools/to_static.py exports this one")
        try:
            if self.mode == "static" and not self.house:
                return StaticDirectoryEngine(self.model, self.config, training)
            if self.mode == "static":
                return StaticEngine(self.model, self.config, training, self.reader)
            return DygraphEngine(self.model, self.config, training)
        except UserError:
            raise
        except MemoryError:
            raise UserError(
                "not enough memory for the embedding table (hyper_parameters.sparse_feature_number)"
            ) from None
        except Exception as error:
            raise UserError(f"the model could not be built: {where(error, self.config.model_dir)}") from error

    def open_reader(self, part: Literal["train", "valid", "test"]) -> Any:
        """A reader over the data folder of a part; `config["reader_for"]` tells it which.

        Raises:
            UserError: the folder is missing or empty, or the reader refuses the config.
        """
        runner = self.config.runner
        folder = {"train": runner.train_data_dir, "valid": runner.valid_data_dir, "test": runner.test_data_dir}[part]
        files = data_files(self.config.resolve(folder or ""))
        self.config["reader_for"] = part
        try:
            dataset = self._reader_class(files, self.config)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the reader could not be made: {where(error, self.config.model_dir)}") from error
        if hasattr(dataset, "batches"):
            return dataset
        size = self.config.runner.train_batch_size if self.task == "train" else self.config.runner.infer_batch_size
        return RowReader(dataset, whole_batches=size is None)

    def plan(self, epoch: int, start: int, training: bool) -> ReadPlan:
        """How an epoch is read from batch `start` on."""
        runner = self.config.runner
        drop_last = (not self.house) if runner.drop_last is None else runner.drop_last
        return ReadPlan(
            batch_size=(runner.train_batch_size if training else runner.infer_batch_size or runner.train_batch_size)
            or 1,
            training=training,
            epoch=epoch,
            seed=runner.seed,
            shuffle=training and runner.shuffle and self.house,
            drop_last=training and drop_last,
            start=start,
        )

    def batches(self, reader: Any, plan: ReadPlan) -> Iterator[Any]:
        """The batches of a plan, through the reader processes that the config asks for."""
        return load_batches(reader, plan, self.config.runner.num_workers, self.config.model_dir)


def batch_length(batch: Any) -> int:
    """Exposures in a batch of ours or of PaddleRec's (a list of arrays)."""
    return len(batch[0]) if isinstance(batch, list) else len(batch)
