"""What is examined: a config, its model directory and its readers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

from rec.config.config import Config
from rec.contract import dygraph
from rec.contract.house import HouseModel
from rec.data.lines import data_files
from rec.data.rows import RowReader
from rec.errors import UserError
from rec.loading import ModelDirectory, where
from rec.metrics.tasks import Task

Part = Literal["train", "test"]


class Watched(Config):
    """A config that remembers which keys were asked for."""

    asked: set[str]

    @classmethod
    def of(cls, config: Config) -> Watched:
        """A copy of a config, watched from now on."""
        watched = cls.__new__(cls)
        watched.update(config)
        watched.__dict__.update(config.__dict__, asked=set())
        return watched

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


@dataclass
class Subject:
    """A model directory whose modules could be loaded.

    Attributes:
        config: as loaded, watched.
        model: its `DygraphModel`, which is tried in either mode; None where a PaddleRec directory has only a
            `StaticModel`. A directory of ours without one gets it from its network.
        reader_class: its `RecDataset` of each part.
        problems: what our models find wrong with the config; empty for PaddleRec's, which do not say.
    """

    config: Watched
    model: Any
    reader_class: dict[Part, Any]
    problems: list[str]

    @property
    def house(self) -> bool:
        """Whether the directory is of our kind, whose parts and labels have names."""
        return isinstance(self.model, HouseModel)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of a model of ours; none of PaddleRec's."""
        return tuple(self.model.network.tasks) if self.house else ()

    @property
    def fields(self) -> list[str]:
        """Names of a model of ours' fields."""
        return [str(name) for name in self.config.get("hyper_parameters.fields") or []]

    def open_reader(self, part: Part, keep_noise: bool = False) -> Any:
        """A reader over a part's data folder; `keep_noise` leaves in exposures whose labels contradict each other.

        Raises:
            UserError: the folder is missing or empty, or the reader refuses.
        """
        runner = self.config.runner
        files = data_files(self.config.resolve(runner.train_data_dir if part == "train" else runner.test_data_dir))
        config = copy.copy(self.config)
        if keep_noise:
            config.runner = runner.model_copy(update={"label_policy": "keep"})
        # Test data are read like validation data: with the vocabulary of this training, where there is no checkpoint.
        config["reader_for"] = "train" if part == "train" else "valid"
        try:
            dataset = self.reader_class[part](files, config)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the reader could not be made: {where(error, config.model_dir)}") from error
        number = "hyper_parameters.sparse_feature_number"
        if number in config:  # where the data tell it
            self.config[number] = config[number]
        size = runner.train_batch_size if part == "train" else runner.infer_batch_size
        return dataset if hasattr(dataset, "batches") else RowReader(dataset, whole_batches=size is None)


def load_subject(config: Config, mode: Literal["dygraph", "static"]) -> Subject:
    """The model directory of a config.

    Raises:
        UserError: a module is missing or cannot be imported.
    """
    watched = Watched.of(config)
    directory, runner = ModelDirectory(config.model_dir), config.runner
    train = directory.load(runner.train_reader_path, "RecDataset")
    test = directory.load(runner.infer_reader_path, "RecDataset") if runner.test_data_dir else train
    try:
        model = _load_model(directory, watched, mode)
        problems = model.check(watched, train) if isinstance(model, HouseModel) else []
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the model could not be made: {where(error, config.model_dir)}") from error
    return Subject(watched, model, {"train": train, "test": test}, problems)


def _load_model(directory: ModelDirectory, config: Config, mode: Literal["dygraph", "static"]) -> Any:
    static = directory.load("static_model", "StaticModel")(config) if mode == "static" else None
    if mode == "dygraph" or (directory.path / "dygraph_model.py").is_file():
        return directory.load("dygraph_model", "DygraphModel")()
    return _dynamic_twin(static) if isinstance(static, HouseModel) else None


def _dynamic_twin(static: HouseModel) -> Any:
    """The dynamic model of a static model's network: both modes compute the same."""
    return type("DygraphModel", (dygraph.DygraphModel,), {"network": static.network})()
