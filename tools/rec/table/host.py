"""The embedding table in host memory: numba kernels on NumPy arrays."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from rec.data.batch import Bags, Batch
from rec.device import to_array
from rec.kernels import table as kernels
from rec.numeric import Array
from rec.parallel import cuts, parallel_map
from rec.table.optimizer import RowOptimizer
from rec.table.table import Table

_NO_WEIGHTS = np.empty(0, np.float32)

_LEAST_ROWS, _LEAST_BAGS = 2048, 512
"""Fewer are not worth a thread."""


class HostTable(Table):
    """A table in NumPy arrays, updated in place.

    `push` works in a thread of its own beside the network's optimizer and the next batch's reading; whatever touches
    the table next waits for it, so results are those of working in turn.

    Args:
        weight: float32 [V, D], taken over.
        optimizer: the rule that moves rows.
    """

    def __init__(self, weight: Array, optimizer: RowOptimizer) -> None:
        super().__init__(weight.shape[1], optimizer)
        self._weight = weight
        self._state = optimizer.initial_state(*weight.shape)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="table")
        self._update: Future[None] | None = None

    def pull(self, batch: Batch) -> list[Array]:
        self._settle()
        values = np.empty((len(batch.rows), self.dim), np.float32)
        parallel_map(self._gather, [(batch.rows, values, cut) for cut in cuts(len(batch.rows), _LEAST_ROWS)])
        outs = [np.empty((len(bags.offsets) - 1, self.dim), np.float32) for bags in batch.bags]
        jobs = [
            (values, bags, out, cut)
            for bags, out in zip(batch.bags, outs, strict=True)
            for cut in cuts(len(out), _LEAST_BAGS)
        ]
        parallel_map(_pool, jobs)
        return [out.reshape(bags.num_row, -1) for bags, out in zip(batch.bags, outs, strict=True)]

    def _gather(self, rows: Array, values: Array, cut: slice) -> None:
        # The ids were checked; "raise" would copy.
        np.take(self._weight, rows[cut], axis=0, out=values[cut], mode="clip")

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        self._settle()
        by_bag = [to_array(gradient).reshape(-1, self.dim) for gradient in gradients]
        self._update = self._worker.submit(self._push, batch, by_bag)

    def _push(self, batch: Batch, gradients: list[Array]) -> None:
        totals = [np.zeros((len(batch.rows), self.dim), np.float32) for _ in gradients]
        parallel_map(_unpool, list(zip(gradients, batch.bags, totals, strict=True)))
        for total in totals[1:]:  # added up in this order for any number of threads
            totals[0] += total
        parallel_map(self._move, [(batch.rows, totals[0], cut) for cut in cuts(len(batch.rows), _LEAST_ROWS)])

    def _move(self, rows: Array, gradient: Array, cut: slice) -> None:
        self.optimizer.update(self._weight, self._state, rows[cut], gradient[cut])

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


def _pool(values: Array, bags: Bags, out: Array, cut: slice) -> None:
    kernels.pool(values, bags.positions, bags.offsets[cut.start : cut.stop + 1], _weights(bags), out[cut])


def _unpool(gradient: Array, bags: Bags, total: Array) -> None:
    kernels.unpool(gradient, bags.positions, bags.offsets, _weights(bags), total)


def _weights(bags: Bags) -> Array:
    return _NO_WEIGHTS if bags.weights is None else bags.weights
