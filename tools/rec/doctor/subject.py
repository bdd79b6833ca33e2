"""What is examined: a config, its model directory and its readers."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import paddle

from rec.config.config import Config
from rec.contract import dygraph
from rec.contract.house import HouseModel
from rec.data.lines import data_files
from rec.data.paddlerec import brings_loader, open_rows
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
        directory: its modules.
        model: its `DygraphModel`, which is tried in either mode; None where a PaddleRec directory has only a
            `StaticModel`. A directory of ours without one gets it from its network.
        reader_class: the `RecDataset` of each part of a directory of ours.
        problems: what our models find wrong with the config; empty for PaddleRec's, which do not say.
    """

    config: Watched
    directory: ModelDirectory
    model: Any
    reader_class: dict[Part, Any]
    problems: list[str]

    @property
    def house(self) -> bool:
        """Whether the directory is of our kind, whose parts and labels have names."""
        return isinstance(self.model, HouseModel)

    @cached_property
    def network(self) -> Any:
        """A network of ours as the config has it: its tasks may depend on its hyper-parameters."""
        with paddle.utils.unique_name.guard():
            return self.model.build_network(self.config)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of a model of ours; none of PaddleRec's."""
        return tuple(self.network.tasks) if self.house else ()

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
        folder = self.config.resolve(runner.train_data_dir if part == "train" else runner.test_data_dir)
        config = copy.copy(self.config)
        if keep_noise:
            config.runner = runner.model_copy(update={"label_policy": "keep"})
        config["reader_for"] = part
        try:
            reader = self._make_reader(part, folder, config)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the reader could not be made: {where(error, config.model_dir)}") from error
        number = "hyper_parameters.sparse_feature_number"
        if number in config:  # where the data tell it
            self.config[number] = config[number]
        return reader

    def _make_reader(self, part: Part, folder: Path, config: Config) -> Any:
        if self.house:
            return self.reader_class[part](data_files(folder), config)
        files = [] if self.own_loader else data_files(folder, or_folders=True)
        return open_rows(config, self.directory, self.model, part, files)

    @property
    def own_loader(self) -> bool:
        """Whether the model makes its batches itself."""
        return brings_loader(self.config, self.model)

    def make_model(self) -> None:
        """Make the model and forget it: PaddleRec's may write into the config what their readers read there.

        Raises:
            UserError: it cannot be made.
        """
        try:
            with paddle.utils.unique_name.guard():  # or the names that its ParamAttrs give would be taken
                self.model.create_model(self.config)
        except Exception as error:
            raise UserError(f"the model could not be built: {where(error, self.config.model_dir)}") from error


def load_subject(config: Config, mode: Literal["dygraph", "static"]) -> Subject:
    """The model directory of a config.

    Raises:
        UserError: a module is missing or cannot be imported.
    """
    watched = Watched.of(config)
    directory, runner = ModelDirectory(config.model_dir), config.runner
    try:
        model = _load_model(directory, watched, mode)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the model could not be made: {where(error, config.model_dir)}") from error
    if not isinstance(model, HouseModel):
        return Subject(watched, directory, model, {}, [])
    train = directory.load(runner.train_reader_path, "RecDataset")
    test = directory.load(runner.infer_reader_path, "RecDataset") if runner.test_data_dir else train
    problems = model.check(watched, train)
    return Subject(watched, directory, model, {"train": train, "test": test}, problems)


def _load_model(directory: ModelDirectory, config: Config, mode: Literal["dygraph", "static"]) -> Any:
    static = directory.load("static_model", "StaticModel")(config) if mode == "static" else None
    if mode == "dygraph" or (directory.path / "dygraph_model.py").is_file():
        return directory.load("dygraph_model", "DygraphModel")()
    return _dynamic_twin(static) if isinstance(static, HouseModel) else None


def _dynamic_twin(static: HouseModel) -> Any:
    """The dynamic model of a static model's network: both modes compute the same."""
    return type("DygraphModel", (dygraph.DygraphModel,), {"network": static.network})()
