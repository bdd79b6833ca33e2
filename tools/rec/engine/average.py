"""A model that is trained with its newest weights and used with their moving averages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rec.config.config import Config
from rec.engine.variables import Weights
from rec.numeric import Array
from rec.table.table import Table

STEPS = "average/steps"
"""What a checkpoint calls the number of updates."""


class Average:
    """`optimizer.ema`: the exponential moving average of all weights over the updates (see `rec.table.averaged`).

    Averages stand in the place of the weights but while an update is made: what is evaluated, exported and saved as the
    model's weights is they, and the weights that move are a part of the optimizer's state.

    Args:
        decay: of the average, in (0, 1).
        names: of the network's trained parameters.
        weights: these.
        table: the embedding table, whose rows have the same decay.
    """

    def __init__(self, decay: float, names: Iterable[str], weights: Weights, table: Table) -> None:
        self._decay, self._weights, self._table, self._steps = decay, weights, table, 0
        self._moved: dict[str, Array] | None = None  # the weights that move, while their averages are shown
        self._sums = {name: np.zeros_like(weights.read(name)) for name in names}
        self.show()

    @classmethod
    def of(cls, config: Config, net: Any, weights: Weights, table: Table | None) -> Average | None:
        """What a config asks for; None where it asks for none, or the model is one of PaddleRec's.

        Args:
            net: the network, or one like it.
        """
        decay = config.hyper_parameters["optimizer"].get("ema") if table is not None else None
        if decay is None or table is None:
            return None
        return cls(decay, [name for name, p in net.named_parameters() if not p.stop_gradient], weights, table)

    def hide(self) -> None:
        """Training goes on: weights are again what moves."""
        if self._moved is not None:
            for name, value in self._moved.items():
                self._weights.write(name, value)
            self._moved = None
            self._table.show_moved()

    def begin(self) -> None:
        """An update begins."""
        self.hide()
        self._steps += 1
        self._table.set_steps(self._steps)

    def end(self) -> None:
        """The network's parameters have moved; the table counts by itself."""
        for name, total in self._sums.items():
            total *= np.float32(self._decay)
            total += np.float32(1 - self._decay) * self._weights.read(name)

    def show(self) -> None:
        """Put the averages in the place of the weights, until the next update begins."""
        if self._moved is not None:
            return
        self._moved = {name: self._weights.read(name) for name in self._sums}
        if self._steps:
            whole = np.float32(1 - self._decay**self._steps)
            for name, total in self._sums.items():
                self._weights.write(name, total / whole)
        self._table.show_averages()

    def state(self) -> dict[str, Array]:
        """What a checkpoint needs besides the averages and the table's state."""
        self.show()
        assert self._moved is not None
        found = {STEPS: np.array([self._steps], np.int64)}
        found |= {f"{name}/average": value for name, value in self._sums.items()}
        return found | {f"{name}/moved": value for name, value in self._moved.items()}

    def load(self, found: Mapping[str, Any]) -> None:
        """Take over some of `state()`, after weights and table were loaded; nothing: averages begin with these."""
        self._steps = int(found[STEPS][0]) if STEPS in found else 0
        self._table.set_steps(self._steps)
        for name, total in self._sums.items():
            total[...] = found.get(f"{name}/average", 0)
        self._moved = {name: np.array(found.get(f"{name}/moved", self._weights.read(name))) for name in self._sums}
