"""Row-wise optimizers of the embedding table: only the batch's distinct rows are read, moved and remembered."""

from abc import ABC, abstractmethod

import numpy as np

from rec.kernels import table as kernels
from rec.numeric import Array


class RowOptimizer(ABC):
    """Updates rows of a float32 table [V, D] in host memory.

    Attributes:
        state: per-row memory, by name; part of a checkpoint.
    """

    state: dict[str, Array]

    @abstractmethod
    def update(self, table: Array, rows: Array, gradient: Array) -> None:
        """Move `rows` (int64 [N], distinct) of `table` against `gradient`, float32 [N, D], in place."""


class SGD(RowOptimizer):
    """w -= learning_rate * g."""

    def __init__(self, num_row: int, dim: int, learning_rate: float = 0.001) -> None:
        self.learning_rate = np.float32(learning_rate)
        self.state = {}

    def update(self, table: Array, rows: Array, gradient: Array) -> None:
        kernels.sgd(table, rows, gradient, self.learning_rate)


class Adagrad(RowOptimizer):
    """Duchi et al., JMLR 2011: each weight's step shrinks with the squares of its own gradients so far."""

    def __init__(
        self,
        num_row: int,
        dim: int,
        learning_rate: float = 0.001,
        epsilon: float = 1e-6,
        initial_accumulator_value: float = 0.0,
    ) -> None:
        self.learning_rate, self.epsilon = np.float32(learning_rate), np.float32(epsilon)
        self.state = {"moment": np.full((num_row, dim), initial_accumulator_value, np.float32)}

    def update(self, table: Array, rows: Array, gradient: Array) -> None:
        kernels.adagrad(table, self.state["moment"], rows, gradient, self.learning_rate, self.epsilon)


class Adam(RowOptimizer):
    """Kingma and Ba, ICLR 2015, Algorithm 1, applied to a row in the steps whose batch holds it.

    A row's moments rest while it is absent, and its bias correction counts its own updates, so a rare row's first
    update moves each weight by the learning rate like anybody's first. (Counting all steps instead would make that
    first move (1 - beta1) / sqrt(1 - beta2), about 3 times, too long.) A row present in every step moves as in dense
    Adam.
    """

    def __init__(
        self,
        num_row: int,
        dim: int,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        self.learning_rate, self.beta1, self.beta2, self.epsilon = learning_rate, beta1, beta2, epsilon
        # np.zeros takes memory only as rows are touched.
        self.state = {
            "moment1": np.zeros((num_row, dim), np.float32),
            "moment2": np.zeros((num_row, dim), np.float32),
            "steps": np.zeros(num_row, np.int32),
        }

    def update(self, table: Array, rows: Array, gradient: Array) -> None:
        moment1, moment2, steps = self.state["moment1"], self.state["moment2"], self.state["steps"]
        rates = (self.learning_rate, self.beta1, self.beta2, self.epsilon)
        kernels.adam(table, moment1, moment2, steps, rows, gradient, *rates)


OPTIMIZERS: dict[str, type[RowOptimizer]] = {"Adam": Adam, "Adagrad": Adagrad, "SGD": SGD}
"""By the name that `hyper_parameters.table_optimizer.class` gives."""
