"""The state that passes between engines and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
