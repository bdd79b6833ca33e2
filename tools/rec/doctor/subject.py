"""What is examined: a config, its model directory and its readers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import paddle

from rec.config.config import Config
from rec.config.stream import read_stream
from rec.data.reader import Part, Reader
from rec.data.table_rows import TableRows
from rec.errors import UserError
from rec.loading import ModelDirectory, where
from rec.metrics.task import Task
from rec.run.assembly import open_directory
from rec.run.directory import Directory
from rec.run.model import Mode
from rec.run.paddlerec import PaddleRecDirectory
from rec.stream.protocol import read_clicks


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

    def merged(self, above: Mapping[str, Any]) -> Watched:
        return Watched.of(super().merged(above))

    def __getitem__(self, key: str) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


class Subject:
    """A model directory whose modules could be loaded, which is tried in dynamic graph: there gradients can be seen.

    Args:
        directory: it; of a PaddleRec directory that has a static model only, `model` is None.
    """

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self._train: Reader | None = None

    @property
    def config(self) -> Any:
        """As the model is told; watched where the directory is PaddleRec's."""
        return self.directory.config

    @cached_property
    def network(self) -> Any:
        """A network of ours as the config has it: its tasks may depend on its hyper-parameters."""
        with paddle.utils.unique_name.guard():
            return self.model.build_network(self.config)

    @property
    def native(self) -> bool:
        """Whether the directory is of our kind, whose fields and labels have names."""
        return self.directory.native

    @property
    def model(self) -> Any:
        """Its `DygraphModel`, if it has one."""
        return self.directory.model

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of a model of ours; none of PaddleRec's."""
        return tuple(self.network.tasks) if self.native else ()

    @property
    def fields(self) -> list[str]:
        """Names of a model of ours' fields."""
        return [str(name) for name in self.config.get("hyper_parameters.fields") or []]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of the numbers that the training reader of a model of ours gives, once it is open."""
        return self._train.numbers if self._train else ()

    @property
    def num_id(self) -> int | None:
        """Rows of the embedding table, once the training reader of a model of ours is open."""
        return self._train.num_id if self._train else None

    @property
    def table_rows(self) -> TableRows:
        """Rows of the embedding table of a model of ours; none before its training reader is open."""
        return self._train.rows if self._train else TableRows(0)

    def open_reader(self, part: Part, keep_excluded: bool = False) -> Any:
        """A reader over a part's data; the training data's vocabulary serves the others.

        Raises:
            UserError: the folder is missing or empty, or the reader refuses.
        """
        vocabulary = self._train.vocabulary if self._train else None
        if part == "train" and self.config.stream is not None:  # clicks whose outcome is known when it begins
            reader: Any = read_clicks(self.config, read_stream({"stream": self.config.stream}, self.config.path))
        else:
            reader = self.directory.open_reader(part, vocabulary, keep_excluded)
        if self.native and part == "train":
            self._train = reader
        return reader

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


def load_subject(config: Config, mode: Mode) -> Subject:
    """The model directory of a config.

    Raises:
        UserError: a module is missing or cannot be imported.
    """
    watched = Watched.of(config)
    if mode == "static":  # what is wrong with it is said first
        static = open_directory(watched, "static")
        if not static.native and not (config.model_dir / "dygraph_model.py").is_file():
            return Subject(PaddleRecDirectory(watched, ModelDirectory(config.model_dir), None, "static"))
    return Subject(open_directory(watched, "dygraph"))
