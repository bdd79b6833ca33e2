"""Row-wise optimizers of the embedding table: only the batch's distinct rows are read, moved and remembered.

Each is written twice: `update` works in place on host memory (numba), `step` on Paddle tensors of the gathered rows,
on any device. The tests hold one against the other.
"""

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import paddle

from rec.kernels import table as kernels
from rec.numeric import Array

Tensors = dict[str, Any]


class RowOptimizer(ABC):
    """A rule that moves rows of a float32 table [V, D] against their gradient."""

    learning_rate: Any

    @property
    def name(self) -> str:
        """As a checkpoint calls it, with the numbers that say what its state means."""
        return type(self).__name__

    @property
    def rate(self) -> float:
        """The learning rate of the update to come."""
        return float(self.learning_rate)

    def set_rate(self, rate: float) -> None:
        """Let updates from now on have this learning rate."""
        self.learning_rate = type(self.learning_rate)(rate)

    @abstractmethod
    def initial_state(self, num_row: int, dim: int) -> dict[str, Array]:
        """Per-row memory by name, first dimension V; part of a checkpoint."""

    @abstractmethod
    def update(self, table: Array, state: dict[str, Array], rows: Array, gradient: Array) -> None:
        """Move `rows` (int64 [N], distinct) of `table` and `state` in place; `gradient` float32 [N, D]."""

    @abstractmethod
    def step(self, weight: Any, state: Tensors, gradient: Any) -> tuple[Any, Tensors]:
        """The same for tensors of the N rows: their new weights, [N, D], and state."""


class SGD(RowOptimizer):
    """w -= learning_rate * g."""

    def __init__(self, learning_rate: float = 0.001) -> None:
        self.learning_rate = np.float32(learning_rate)

    def initial_state(self, num_row: int, dim: int) -> dict[str, Array]:
        return {}

    def update(self, table: Array, state: dict[str, Array], rows: Array, gradient: Array) -> None:
        kernels.sgd(table, rows, gradient, self.learning_rate)

    def step(self, weight: Any, state: Tensors, gradient: Any) -> tuple[Any, Tensors]:
        return weight - float(self.learning_rate) * gradient, {}


class Adagrad(RowOptimizer):
    """Duchi et al., JMLR 2011: each weight's step shrinks with the squares of its own gradients so far."""

    def __init__(
        self, learning_rate: float = 0.001, epsilon: float = 1e-6, initial_accumulator_value: float = 0.0
    ) -> None:
        self.learning_rate, self.epsilon = np.float32(learning_rate), np.float32(epsilon)
        self.initial = initial_accumulator_value

    def initial_state(self, num_row: int, dim: int) -> dict[str, Array]:
        return {"moment": np.full((num_row, dim), self.initial, np.float32)}

    def update(self, table: Array, state: dict[str, Array], rows: Array, gradient: Array) -> None:
        kernels.adagrad(table, state["moment"], rows, gradient, self.learning_rate, self.epsilon)

    def step(self, weight: Any, state: Tensors, gradient: Any) -> tuple[Any, Tensors]:
        moment = state["moment"] + gradient * gradient
        move = gradient / (paddle.sqrt(moment) + float(self.epsilon))
        return weight - float(self.learning_rate) * move, {"moment": moment}


class Adam(RowOptimizer):
    """Kingma and Ba, ICLR 2015, Algorithm 1, applied to a row in the steps whose batch holds it.

    A row's moments rest while it is absent, and its bias correction counts its own updates, so a rare row's first
    update moves each weight by the learning rate like anybody's first. (Counting all steps instead would make that
    first move (1 - beta1) / sqrt(1 - beta2), about 3 times, too long.) A row present in every step moves as in dense
    Adam.
    """

    def __init__(
        self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        self.learning_rate, self.beta1, self.beta2, self.epsilon = float(learning_rate), beta1, beta2, epsilon
        self._corrections = _bias_corrections(beta1, beta2)

    @property
    def name(self) -> str:
        betas = (self.beta1, self.beta2)
        return "Adam" if betas == (0.9, 0.999) else f"Adam (betas {self.beta1:g} and {self.beta2:g})"

    def initial_state(self, num_row: int, dim: int) -> dict[str, Array]:
        # np.zeros takes memory only as rows are touched.
        return {
            "moment1": np.zeros((num_row, dim), np.float32),
            "moment2": np.zeros((num_row, dim), np.float32),
            "steps": np.zeros(num_row, np.int32),
        }

    def update(self, table: Array, state: dict[str, Array], rows: Array, gradient: Array) -> None:
        rates = (self.learning_rate, self.beta1, self.beta2, self.epsilon)
        moments = (state["moment1"], state["moment2"])
        kernels.adam(table, *moments, state["steps"], rows, gradient, *rates, self._corrections)

    def step(self, weight: Any, state: Tensors, gradient: Any) -> tuple[Any, Tensors]:
        steps = state["steps"] + 1
        count = paddle.unsqueeze(paddle.cast(steps, "float64"), 1)
        first = self.beta1 * state["moment1"] + (1 - self.beta1) * gradient
        second = self.beta2 * state["moment2"] + (1 - self.beta2) * gradient * gradient
        # In float64, as in the kernel: 1 - beta2^t loses digits in float32.
        correct1 = paddle.cast(1.0 / (1.0 - self.beta1**count), "float32")
        correct2 = paddle.cast(1.0 / (1.0 - self.beta2**count), "float32")
        move = first * correct1 / (paddle.sqrt(second * correct2) + self.epsilon)
        return weight - self.learning_rate * move, {"moment1": first, "moment2": second, "steps": steps}


def _bias_corrections(beta1: float, beta2: float) -> Array:
    """float32 [2, S]: what `kernels.adam` looks up instead of two powers per row, which took as long as the rest."""
    slowest = max(beta1, beta2)
    # beta^t below half a float32 digit changes nothing; the limit holds a beta next to 1 to 8 MB.
    size = 2 if slowest <= 0.0 else min(math.ceil(-25 * math.log(2) / math.log(slowest)) + 2, 1 << 20)
    power = np.arange(size)
    powers = np.stack([np.power(beta, power) for beta in (beta1, beta2)])
    powers[:, 0] = 0.0  # no row is looked up before its first update
    return (1.0 / (1.0 - powers)).astype(np.float32)


OPTIMIZERS: dict[str, type[Any]] = {"Adam": Adam, "Adagrad": Adagrad, "SGD": SGD}
"""By the name that `hyper_parameters.table_optimizer.class` gives."""
