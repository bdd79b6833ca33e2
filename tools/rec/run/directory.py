"""What a run asks of a model directory, ours or PaddleRec's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from rec.config.config import Config
from rec.console import log
from rec.data.reader import Part
from rec.data.vocabulary import Vocabulary
from rec.device import has_gpu
from rec.engine.engine import Engine
from rec.errors import UserError
from rec.loading import where
from rec.metrics.task import Task
from rec.run.model import Mode


class Directory(ABC):
    """A model directory whose modules could be loaded, with a config for them.

    Attributes:
        native: whether it is of our kind, whose fields, labels and predictions have names.
        config: what its model and readers are told.
        problems: everything that is wrong with the config; PaddleRec's directories do not say what they take.
        model: its `DygraphModel` or `StaticModel`.
        own_loader: whether the model makes its batches itself.
    """

    native: bool
    config: Config
    problems: Sequence[str] = ()
    model: Any
    own_loader = False

    def open_reader(self, part: Part, vocabulary: Vocabulary | None = None, keep_excluded: bool = False) -> Any:
        """A reader over a part's data folder.

        Args:
            part: which.
            vocabulary: a checkpoint's; None: training data make one.
            keep_excluded: leave in impressions whose labels contradict each other, whatever `label_policy` says.

        Raises:
            UserError: the folder is missing or empty, or the reader refuses it.
        """
        try:
            return self._open_reader(part, vocabulary, keep_excluded)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the reader could not be made: {where(error, self.config.model_dir)}") from error

    def build_engine(self, training: bool, reader: Any = None) -> Engine:
        """The engine in the directory's graph mode; the reader tells a model of ours what it is fed.

        Raises:
            UserError: the model cannot be built.
        """
        try:
            return self._build_engine(training, reader)
        except UserError:
            raise
        except MemoryError:
            raise UserError(
                "not enough memory for the embedding table (hyper_parameters.sparse_feature_number)"
            ) from None
        except Exception as error:
            raise UserError(f"the model could not be built: {where(error, self.config.model_dir)}") from error

    def warn(self) -> None:
        """Say which settings have no effect."""
        for warning in self.config.without_effect():
            log.warning("%s: %s", self.config.path, warning)
        if self.config.stream is not None:
            log.warning(
                "%s: the stream section is for tools/stream.py and has no effect here: labels are taken as they stand",
                self.config.path,
            )

    @abstractmethod
    def missing(self, training: bool) -> list[str]:
        """A line for each runner setting that is needed and not there, or there by halves."""

    @abstractmethod
    def tasks(self) -> tuple[Task, ...]:
        """What is judged; none of PaddleRec's."""

    @abstractmethod
    def _open_reader(self, part: Part, vocabulary: Vocabulary | None, keep_excluded: bool) -> Any: ...

    @abstractmethod
    def _build_engine(self, training: bool, reader: Any) -> Engine: ...


def make_model(model: type, config: Config, mode: Mode) -> Any:
    """A directory's `DygraphModel()` or `StaticModel(config)`.

    Raises:
        UserError: it cannot be made.
    """
    try:
        return model(config) if mode == "static" else model()
    except UserError:
        raise
    except Exception as error:
        call = "StaticModel(config)" if mode == "static" else "DygraphModel()"
        raise UserError(f"{call} failed: {where(error, config.model_dir)}") from error


def on_this_machine(config: Config) -> Config:
    """The config, computing on the CPU where there is no GPU, which the log says."""
    if not config.runner.use_gpu or has_gpu():
        return config
    log.warning("runner.use_gpu is true, but this Paddle finds no GPU: computing on the CPU")
    return config.merged({"runner": {"use_gpu": False}})


def warn_of_inference(config: Config) -> None:
    """Say that a setting for PaddleRec's static models has no effect on another."""
    if config.runner.use_inference:
        log.warning("runner.use_inference is for PaddleRec's static models; tools/to_static.py exports this one")
