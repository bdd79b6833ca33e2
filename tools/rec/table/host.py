"""The embedding table in host memory: numba kernels on NumPy arrays."""

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

    Args:
        weight: float32 [V, D], taken over.
        optimizer: the rule that moves rows.
    """

    def __init__(self, weight: Array, optimizer: RowOptimizer) -> None:
        super().__init__(weight.shape[1], optimizer)
        self.weight = weight
        self.state = optimizer.initial_state(*weight.shape)

    def pull(self, batch: Batch) -> list[Array]:
        values = np.empty((len(batch.rows), self.dim), np.float32)
        kernels.gather(self.weight, batch.rows, values)
        return [self._pool(values, bags) for bags in batch.bags]

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        total = np.zeros((len(batch.rows), self.dim), np.float32)
        for bags, gradient in zip(batch.bags, gradients, strict=True):
            by_bag = to_array(gradient).reshape(-1, self.dim)
            kernels.unpool(by_bag, bags.positions, bags.offsets, _weights(bags), total)
        self.optimizer.update(self.weight, self.state, batch.rows, total)

    def arrays(self) -> dict[str, Array]:
        return {"weight": self.weight, **self.state}

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
