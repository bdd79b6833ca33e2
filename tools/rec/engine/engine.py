"""What the loops ask of an engine, and the state that passes between engines and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from rec.numeric import Array


@dataclass
class State:
    """A model's state as arrays by name; the same names in either graph mode for our models.

    Attributes:
        weights: parameters (`ctr.hidden.0.weight`) and the table (`embedding.weight`).
        optimizer: accumulators, `<parameter>/<accumulator>`.
        scheduler: a learning-rate schedule's own numbers.
        rule: the optimizers' class names; empty where unknown.
    """

    weights: dict[str, Array]
    optimizer: dict[str, Array] = field(default_factory=dict)
    scheduler: dict[str, Any] = field(default_factory=dict)
    rule: str = ""


class Engine(Protocol):
    """One model in one graph mode.

    Attributes:
        prefix: what its checkpoint files are called before the dot.
        metrics, metric_names: as the model directory's `create_metrics` gave them.
    """

    prefix: str
    metrics: list[Any]
    metric_names: list[str]

    def train_step(self, batch: Any) -> dict[str, Any]:
        """One update; what to show by name (`loss` among it) as NumPy arrays."""

    def eval_step(self, batch: Any) -> dict[str, Any]:
        """Predictions or figures by name, no update."""

    def state(self) -> State:
        """Everything a checkpoint needs, in host memory."""

    def load(self, state: State) -> None:
        """Take over weights, and the optimizer's state where it is given.

        Raises:
            UserError: a name is missing or unexpected, or a shape differs.
        """

    def num_parameter(self) -> dict[str, int]:
        """Trainable numbers by parameter name."""
