"""Whole parameters moved on the host, by the kernels that move rows: a parameter is a matrix of one row.

One pass over the memory of each parameter, beside the update of the embedding table, where Paddle has an operator for
each in a program and several passes over all of them in dynamic graph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rec.kernels import deferred as kernels
from rec.numeric import Array
from rec.optimize.moved import Moved
from rec.optimize.rule import learning_rate, rule_for

_ROW = np.zeros(1, np.int64)


class HostOptimizer:
    """Moves parameters as a Paddle optimizer would.

    Args:
        optimizer: Paddle's, which says how they move; its own step is not called.
        parameters: float32, on the CPU, by name.
        memory: a parameter's own memory, by its name.

    Raises:
        NoRuleError: the kernels do not know this optimizer, or an option of it.
    """

    def __init__(self, optimizer: Any, parameters: Sequence[Any], memory: Callable[[str], Array]) -> None:
        self._optimizer, self._memory = optimizer, memory
        self._moved = {
            p.name: Moved(memory(p.name).reshape(1, -1), rule_for(optimizer, p))
            for p in parameters
            if not p.stop_gradient
        }

    def step(self, gradients: Mapping[str, Array]) -> None:
        """Move the parameters whose gradient is given, by name and in the parameter's shape."""
        rate = learning_rate(self._optimizer)
        for name, gradient in gradients.items():  # one after another: the other core is at the table's update
            moved = self._moved[name]
            kernels.update(*moved.job(_ROW, gradient.reshape(1, -1), moved.begin_step(rate)))

    def states(self) -> dict[str, Array]:
        """The optimizer's states by the names that Paddle would give them, shaped as their parameters."""
        return {
            f"{name}_{key}": value if value.ndim == 1 else value.reshape(self._memory(name).shape)
            for name, moved in self._moved.items()
            for key, value in moved.states().items()
        }

    def take(self, states: Mapping[str, Array]) -> dict[str, Array]:
        """Copy in what is given of `states()`, and take note that parameters were loaded; returns the rest."""
        rest = dict(states)
        for name, moved in self._moved.items():
            moved.weight = self._memory(name).reshape(1, -1)
            full = {key: f"{name}_{key}" for key in moved.state_names}
            moved.take({key: rest.pop(long) for key, long in full.items() if long in rest})
        return rest
