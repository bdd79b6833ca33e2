"""Rows that move by one rule and are used as their moving average."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from rec.numeric import Array
from rec.table.optimizer import RowOptimizer, Tensors


class Averaged(RowOptimizer):
    """Another rule, with the exponential moving average of each row over all updates of the model.

    s_t = d s_(t-1) + (1 - d) w_t from s_0 = 0, and the average is s_t / (1 - d^t): iterate i counts (1 - d) d^(t - i),
    and the division makes these sum to 1 (Kingma and Ba, ICLR 2015, section 7.2). A row rests while no batch holds it,
    so its s is brought up to date when it next moves, s_t = w + d^k (s_(t-k) - w), as if it had been each time.

    Args:
        rule: the rule.
        decay: d.

    Attributes:
        steps: t, the number of the update to come or under way; the engine says it.
    """

    def __init__(self, rule: RowOptimizer, decay: float) -> None:
        self.rule, self.decay, self.steps = rule, decay, 0

    @property
    def name(self) -> str:
        return f"{self.rule.name} with ema {self.decay:g}"

    @property
    def rate(self) -> float:
        return self.rule.rate

    def set_rate(self, rate: float) -> None:
        self.rule.set_rate(rate)

    def initial_state(self, num_row: int, dim: int) -> dict[str, Array]:
        state = self.rule.initial_state(num_row, dim)
        state["average"] = np.zeros((num_row, dim), np.float32)
        state["averaged_at"] = np.zeros(num_row, np.int64)
        return state

    def update(self, table: Array, state: dict[str, Array], rows: Array, gradient: Array) -> None:
        before, sums = table[rows], state["average"][rows]
        self.rule.update(table, state, rows, gradient)
        fade = np.power(self.decay, self.steps - 1 - state["averaged_at"][rows]).astype(np.float32)[:, None]
        sums = before + fade * (sums - before)
        state["average"][rows] = np.float32(self.decay) * sums + np.float32(1 - self.decay) * table[rows]
        state["averaged_at"][rows] = self.steps

    def step(self, weight: Any, state: Tensors, gradient: Any) -> tuple[Any, Tensors]:
        moved, after = self.rule.step(weight, state, gradient)
        waited = paddle.cast(self.steps - 1 - state["averaged_at"], "float64")
        fade = paddle.cast(self.decay**waited, "float32").unsqueeze(1)
        sums = weight + fade * (state["average"] - weight)
        own = {
            "average": self.decay * sums + (1 - self.decay) * moved,
            "averaged_at": paddle.full_like(state["averaged_at"], self.steps),
        }
        return moved, {**after, **own}

    def averages(self, weight: Array, state: dict[str, Array]) -> Array:
        """The averages of all rows, float32 [V, D]; a row that has never moved is its own."""
        found = weight.copy()
        moved = np.flatnonzero(state["averaged_at"])
        own, sums = weight[moved], state["average"][moved]
        fade = np.power(self.decay, self.steps - state["averaged_at"][moved])[:, None]
        rest = self.decay**self.steps
        found[moved] = own + (fade * (sums - own) + rest * own) / (1 - rest)
        return found
