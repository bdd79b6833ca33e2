"""What the loops ask of an engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rec.checkpoint.state import State
from rec.errors import UserError
from rec.table.table import Table


class Engine(ABC):
    """One model in one graph mode.

    Attributes:
        prefix: what its checkpoint files are called before the dot.
        metrics, metric_names: as the model directory's `create_metrics` gave them.
        table: the embedding table of a model of ours; PaddleRec's models keep their embeddings to themselves.
        feed_dtypes: NumPy's names of the feeds' types, in the reader's order, where the model declares them.
    """

    prefix: str
    metrics: list[Any]
    metric_names: list[str]
    table: Table | None = None
    feed_dtypes: list[str] | None = None
    _others: tuple[list[Any], list[str]] | None = None

    @abstractmethod
    def train_step(self, batch: Any) -> dict[str, Any]:
        """One update; what to show by name (`loss` among it) as NumPy arrays."""

    def set_rates(self, rates: Mapping[str, float]) -> None:
        """The learning rates of the steps to come, by `optimizer` and `table_optimizer`.

        Raises:
            UserError: this engine cannot change them.
        """
        if rates:
            raise UserError("learning rates of a model directory of PaddleRec's are its own affair")

    @abstractmethod
    def eval_step(self, batch: Any) -> dict[str, Any]:
        """Predictions or figures by name, no update."""

    @abstractmethod
    def state(self) -> State:
        """Everything a checkpoint needs, in host memory."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Take over weights, and the optimizer's state where it is given.

        Raises:
            UserError: a name is missing or unexpected, or a shape differs.
        """

    @abstractmethod
    def num_parameter(self) -> dict[str, int]:
        """Trainable numbers by parameter name."""

    @contextmanager
    def other_metrics(self) -> Iterator[None]:
        """Metrics of their own, the same each time, for what is counted in between."""
        own = self.metrics, self.metric_names
        self.metrics, self.metric_names = self._others = self._others or self.make_metrics()
        try:
            yield
        finally:
            self.metrics, self.metric_names = own

    @abstractmethod
    def make_metrics(self) -> tuple[list[Any], list[str]]:
        """New ones, and their names."""

    def variable_names(self) -> dict[str, str]:
        """Paddle's name of each weight (as a ParamAttr may give it) by its name in checkpoints."""
        return {}
