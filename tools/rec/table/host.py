"""The embedding table in host memory: numba kernels on NumPy arrays."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from rec.data.batch import Bags, Batch
from rec.device import to_array
from rec.kernels import table as kernels
from rec.numeric import Array
from rec.table.optimizer import RowOptimizer
from rec.table.table import Table

_NO_WEIGHTS = np.empty(0, np.float32)


class HostTable(Table):
    """A table in NumPy arrays, updated in place.

    `push` works in a thread of its own beside the network's optimizer and the next batch's reading; whatever touches
    the table next waits for it, so results are those of working in turn.

    Args:
        weight: float32 [V, D], taken over.
        optimizer: the rule that moves rows.
        moving: whether it moves each, bool [V]; None: all.
    """

    def __init__(self, weight: Array, optimizer: RowOptimizer, moving: Array | None = None) -> None:
        super().__init__(weight.shape[1], optimizer, moving)
        self._weight = weight
        self._state = optimizer.initial_state(*weight.shape)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="table")
        self._update: Future[None] | None = None

    def pull(self, batch: Batch) -> list[Array]:
        self._settle()
        values = np.empty((len(batch.rows), self.dim), np.float32)
        np.take(self._weight, batch.rows, axis=0, out=values, mode="clip")  # ids were checked; "raise" would copy
        return [self._pool(values, bags) for bags in batch.bags]

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        self._settle()
        by_bag = [to_array(gradient).reshape(-1, self.dim) for gradient in gradients]
        self._update = self._worker.submit(self._push, batch, by_bag)

    def collect(self, batch: Batch, gradients: list[Any]) -> list[Array]:
        total = self._sum(batch, [to_array(gradient).reshape(-1, self.dim) for gradient in gradients])
        if self.moving is not None:
            total[~self.moving[batch.rows]] = 0
        return [total]

    def move(self, batch: Batch, collected: list[Any]) -> None:
        self._settle()
        self._update = self._worker.submit(self._move, batch.rows, *collected)

    def set_rate(self, rate: float) -> None:
        self._settle()  # the update under way has the rate of its own step
        super().set_rate(rate)

    def set_steps(self, steps: int) -> None:
        self._settle()
        super().set_steps(steps)

    def _push(self, batch: Batch, gradients: list[Array]) -> None:
        self._move(batch.rows, self._sum(batch, gradients))

    def _sum(self, batch: Batch, gradients: list[Array]) -> Array:
        """float32 [N, D], the gradient of each distinct row."""
        total = np.zeros((len(batch.rows), self.dim), np.float32)
        for bags, gradient in zip(batch.bags, gradients, strict=True):
            kernels.unpool(gradient, bags.positions, bags.offsets, _weights(bags), total)
        return total

    def _move(self, rows: Array, total: Array) -> None:
        if self.moving is not None:
            moved = self.moving[rows]
            rows, total = rows[moved], total[moved]
        self.optimizer.update(self._weight, self._state, rows, total)

    def _settle(self) -> None:
        """Wait for the update under way."""
        if self._update is not None:
            self._update.result()
            self._update = None

    def arrays(self) -> dict[str, Array]:
        self._settle()
        return {"weight": self._weight, **self._state}

    def take(self, arrays: dict[str, Array]) -> None:
        own = self.arrays()
        for name, value in arrays.items():
            own[name][...] = value

    def _pool(self, values: Array, bags: Bags) -> Array:
        out = np.empty((len(bags.offsets) - 1, self.dim), np.float32)
        kernels.pool(values, bags.positions, bags.offsets, _weights(bags), out)
        return out.reshape(bags.num_row, bags.num_field * self.dim)


def _weights(bags: Bags) -> Array:
    return _NO_WEIGHTS if bags.weights is None else bags.weights
