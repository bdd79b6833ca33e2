"""Weights in host memory and an optimizer's states of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rec.numeric import Array
from rec.optimize.rule import Rule

_POWERS = ("beta1_pow_acc_0", "beta2_pow_acc_0")
"""Paddle's names of the powers of Adam's betas, float32 [1] each."""


class Moved:
    """A weight that the kernels move, in its own memory.

    Args:
        weight: float32 [V, D].
        rule: how it moves.

    Attributes:
        steps: how many steps have been taken.
        fresh: whether none has been taken, and no state was loaded.
    """

    def __init__(self, weight: Array, rule: Rule) -> None:
        self.weight, self.rule = weight, rule
        self.steps, self.fresh = 0, True
        # np.zeros takes memory only as rows are touched; what a rule does not use has one row.
        self._states = [np.zeros(weight.shape if state else (1, weight.shape[1]), np.float32) for state in rule.states]
        if rule.initial:
            self._states[0][:] = rule.initial

    def begin_step(self, rate: float) -> Array:
        """Count a step with learning rate `rate`; what the kernels need of it, float64 [3]."""
        self.steps, self.fresh = self.steps + 1, False
        return np.array(self.rule.line(self.steps, rate))

    def job(self, rows: Array, gradient: Array, line: Array) -> tuple[Any, ...]:
        """Arguments of the kernel that moves `rows` int64 [N] by their gradient, float32 [N, D]."""
        constants = self.rule.constants
        return (self.rule.kind, self.weight, *self._states, rows, gradient, line.astype(np.float32), constants)

    @property
    def state_names(self) -> list[str]:
        """Paddle's names of the optimizer's states."""
        return [*filter(None, self.rule.states), *([] if self.rule.betas is None else _POWERS)]

    def states(self) -> dict[str, Array]:
        """The optimizer's states by Paddle's names."""
        pairs = zip(self.rule.states, self._states, strict=True)
        found = {name: state for name, state in pairs if name is not None}
        if self.rule.betas is not None:
            # Paddle keeps the powers that the next step will use.
            powers = [np.array([beta ** (self.steps + 1)], np.float32) for beta in self.rule.betas]
            found |= dict(zip(_POWERS, powers, strict=True))
        return found

    def take(self, states: Mapping[str, Array]) -> None:
        """Copy in what is given of `states()`; the caller has checked names and shapes."""
        self.fresh = self.fresh and not states
        for name, state in zip(self.rule.states, self._states, strict=True):
            if name is not None and name in states:
                state[:] = states[name].reshape(state.shape)
        if self.rule.betas is not None and set(_POWERS) <= states.keys():
            self.steps = _steps([float(states[name].ravel()[0]) for name in _POWERS], self.rule.betas)


def _steps(powers: Sequence[float], betas: Sequence[float]) -> int:
    """How many steps have been taken, from what the betas' powers are after them; 0 tells of many."""
    beta, power = max(zip(betas, powers, strict=True))
    if not 0 < beta < 1:
        return 0
    return max(0, round(math.log(max(power, 1e-45)) / math.log(beta)) - 1)
