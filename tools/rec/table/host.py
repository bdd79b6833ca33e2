"""The embedding table in host memory: pull a batch's pooled vectors, push their gradient back."""

import numpy as np

from rec.data.batch import Bags, Batch
from rec.kernels import table as kernels
from rec.numeric import Array
from rec.table.optimizer import RowOptimizer

INIT_STD = 0.01
"""Standard deviation of initial weights: small against the sum of a history of hundreds of tokens."""

_NO_WEIGHTS = np.empty(0, np.float32)


class HostTable:
    """V rows of D weights and their optimizer's state, in NumPy arrays.

    It stands outside the network because Paddle's static mode turns an embedding's gradient dense. A step costs what
    the batch's distinct rows cost, whatever V.

    Args:
        weight: float32 [V, D], taken over and updated in place.
        optimizer: row-wise optimizer made for the same V and D.
    """

    def __init__(self, weight: Array, optimizer: RowOptimizer) -> None:
        self.weight, self.optimizer = weight, optimizer

    @property
    def dim(self) -> int:
        """D."""
        return int(self.weight.shape[1])

    def pull(self, batch: Batch) -> list[Array]:
        """Pooled field vectors of each block of the batch, float32 [R, F * D]."""
        values = np.empty((len(batch.rows), self.dim), np.float32)
        kernels.gather(self.weight, batch.rows, values)
        return [self._pool(values, bags) for bags in batch.bags]

    def push(self, batch: Batch, gradients: list[Array]) -> None:
        """Update the batch's rows; `gradients` are those of what `pull` gave, in the same shapes."""
        total = np.zeros((len(batch.rows), self.dim), np.float32)
        for bags, gradient in zip(batch.bags, gradients, strict=True):
            by_bag = gradient.reshape(-1, self.dim)
            weights = _NO_WEIGHTS if bags.weights is None else bags.weights
            kernels.unpool(by_bag, bags.positions, bags.offsets, weights, total)
        self.optimizer.update(self.weight, batch.rows, total)

    def weights(self) -> dict[str, Array]:
        """The table as a checkpoint stores it."""
        return {"embedding.weight": self.weight}

    def optimizer_state(self) -> dict[str, Array]:
        """The optimizer's state as a checkpoint stores it."""
        return {f"embedding.weight/{name}": value for name, value in self.optimizer.state.items()}

    def load(self, arrays: dict[str, Array]) -> None:
        """Copy in arrays named as in `weights` and `optimizer_state`; the caller has checked names and shapes."""
        own = {**self.weights(), **self.optimizer_state()}
        for name, value in arrays.items():
            own[name][...] = value

    def _pool(self, values: Array, bags: Bags) -> Array:
        out = np.empty((len(bags.offsets) - 1, self.dim), np.float32)
        weights = _NO_WEIGHTS if bags.weights is None else bags.weights
        kernels.pool(values, bags.positions, bags.offsets, weights, out)
        return out.reshape(bags.num_row, bags.num_field * self.dim)


def initial_weights(num_row: int, dim: int, seed: int) -> Array:
    """float32 [V, D], normal with INIT_STD; the same for a seed on every device and in either graph mode."""
    weight = np.random.default_rng(seed).standard_normal((num_row, dim), np.float32)
    weight *= np.float32(INIT_STD)
    return weight


