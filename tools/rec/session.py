"""One run of a tool: config, model directory, readers and engine, checked together before anything long starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Literal

from rec.config.config import Config
from rec.contract.house import HouseModel
from rec.data.lines import data_files
from rec.data.loader import load_batches
from rec.data.paddlerec import Part, brings_loader, open_rows
from rec.data.plan import ReadPlan
from rec.device import has_gpu
from rec.engine.dygraph import DygraphEngine
from rec.engine.engine import Engine
from rec.engine.static import StaticEngine
from rec.engine.static_directory import StaticDirectoryEngine
from rec.errors import UserError
from rec.loading import ModelDirectory, where
from rec.report.console import log
from rec.seeding import seed_host

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
        seed_host(config.runner.seed)
        self.model = self._load_model()
        self.house = isinstance(self.model, HouseModel)
        self.engine: Engine
        part: Part = "train" if task == "train" else "test"
        if self.house:
            runner = config.runner
            self._reader_class = self.directory.load(
                runner.train_reader_path if task == "train" else runner.infer_reader_path, "RecDataset"
            )
            config.check([*self.model.check(config, self._reader_class), *self._missing_settings()])
            self.reader = self.open_reader(part)
            self.engine = self._build_engine()
        else:
            config.check(self._missing_settings())
            self._tolerate()
            # PaddleRec makes the model first, which may write into the config what the reader reads there.
            self.engine = self._build_engine()
            self.reader = self.open_reader(part)

    def _tolerate(self) -> None:
        """Say what a model of ours would be refused for, and go on."""
        for oddity in [*self.config.oddities, *self.config.probably_misspelt()]:
            log.warning("%s: %s", self.config.path, oddity)
        if self.config.runner.use_gpu and not has_gpu():
            log.warning("runner.use_gpu is true, but this Paddle finds no GPU: computing on the CPU")
            self.config.runner.use_gpu = self.config["runner.use_gpu"] = False

    def _load_model(self) -> Any:
        if self.mode == "dygraph":
            return self.directory.load("dygraph_model", "DygraphModel")()
        model_class = self.directory.load("static_model", "StaticModel")
        try:
            return model_class(self.config)
        except Exception as error:
            raise UserError(f"StaticModel(config) failed: {where(error, self.config.model_dir)}") from error

    def _missing_settings(self) -> list[str]:
        if brings_loader(self.config, self.model):
            return []
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

    def open_reader(self, part: Part) -> Any:
        """A reader over the data folder of a part; `config["reader_for"]` tells it which.

        Raises:
            UserError: the folder is missing or empty, or the reader refuses the config.
        """
        runner = self.config.runner
        folder = {"train": runner.train_data_dir, "valid": runner.valid_data_dir, "test": runner.test_data_dir}[part]
        self.config["reader_for"] = part
        try:
            if self.house:
                return self._reader_class(data_files(self.config.resolve(folder or "")), self.config)
            own_loader = brings_loader(self.config, self.model)
            files = [] if own_loader else data_files(self.config.resolve(folder or ""), or_folders=True)
            dtypes = getattr(self.engine, "feed_dtypes", None)
            return open_rows(self.config, self.directory, self.model, part, files, dtypes)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the reader could not be made: {where(error, self.config.model_dir)}") from error

    def plan(self, epoch: int, start: int, training: bool) -> ReadPlan:
        """How an epoch is read from batch `start` on."""
        runner = self.config.runner
        drop_last = (not self.house) if runner.drop_last is None else runner.drop_last
        in_any_order = self.house or runner.reader_type == "InmemoryDataset"
        shuffle = in_any_order if runner.shuffle is None else runner.shuffle
        return ReadPlan(
            batch_size=(runner.train_batch_size if training else runner.infer_batch_size or runner.train_batch_size)
            or 1,
            training=training,
            epoch=epoch,
            seed=runner.seed,
            shuffle=training and shuffle,
            drop_last=training and drop_last,
            start=start,
        )

    def batches(self, reader: Any, plan: ReadPlan) -> Iterator[Any]:
        """The batches of a plan, through the reader processes that the config asks for."""
        # A model's own loader may compute with Paddle, which does not survive the fork of a reader process.
        num_workers = 0 if brings_loader(self.config, self.model) else self.config.runner.num_workers
        return load_batches(reader, plan, num_workers, self.config.model_dir)


def batch_length(batch: Any) -> int:
    """Exposures in a batch of ours or of PaddleRec's (a list of arrays)."""
    return len(batch[0]) if isinstance(batch, list) else len(batch)
