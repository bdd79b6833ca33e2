"""Row-wise optimizers that draw rows to zero, those of a batch alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rec.config.bind import bind
from rec.config.schedule import first_rate
from rec.numeric import Array
from rec.table.averaged import Averaged
from rec.table.optimizer import OPTIMIZERS, RowOptimizer, Tensors


class Decayed(RowOptimizer):
    """Another rule, with L2 in the gradient and decoupled weight decay (Loshchilov and Hutter, ICLR 2019).

    Of a batch's distinct rows, g += l2 w before the rule, and w -= learning_rate weight_decay w beside it. A row that
    occurs in every tenth step decays a tenth as fast as one in every step: what is rare keeps what it learned.

    Args:
        rule: the rule.
        l2, weight_decay: the two coefficients.
    """

    def __init__(self, rule: RowOptimizer, l2: float, weight_decay: float) -> None:
        self.rule, self.l2, self.decay = rule, np.float32(l2), np.float32(weight_decay)

    @property
    def name(self) -> str:
        return self.rule.name

    @property
    def rate(self) -> float:
        return self.rule.rate

    def set_rate(self, rate: float) -> None:
        self.rule.set_rate(rate)

    def initial_state(self, num_row: int, dim: int) -> dict[str, Array]:
        return self.rule.initial_state(num_row, dim)

    def update(self, table: Array, state: dict[str, Array], rows: Array, gradient: Array) -> None:
        weight = table[rows]
        if self.l2:
            gradient = gradient + self.l2 * weight
        self.rule.update(table, state, rows, gradient)
        if self.decay:
            table[rows] -= np.float32(self.rate) * self.decay * weight

    def step(self, weight: Any, state: Tensors, gradient: Any) -> tuple[Any, Tensors]:
        if self.l2:
            gradient = gradient + float(self.l2) * weight
        moved, after = self.rule.step(weight, state, gradient)
        return moved - float(np.float32(self.rate) * self.decay) * weight if self.decay else moved, after


def row_rule(optimizer: Mapping[str, Any], table: Mapping[str, Any] | None) -> RowOptimizer:
    """The rule that a config asks for: `table_optimizer`'s, or that of `optimizer`, whose decay is the network's.

    `optimizer.ema` is the whole model's.
    """
    section = table or optimizer
    given = {key: value for key, value in section.items() if key not in ("class", "l2", "weight_decay", "strategy")}
    given["learning_rate"] = first_rate(given.get("learning_rate", 0.001))
    rule: RowOptimizer = OPTIMIZERS[section["class"]](**bind(OPTIMIZERS[section["class"]], given))
    l2, decay = (float((table or {}).get(name) or 0) for name in ("l2", "weight_decay"))
    rule = Decayed(rule, l2, decay) if l2 or decay else rule
    return Averaged(rule, optimizer["ema"]) if optimizer.get("ema") else rule
