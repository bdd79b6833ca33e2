"""The embedding table on Paddle's device: Paddle operators only, for a GPU, and as the host table's reference."""

from typing import Any

import numpy as np
import paddle

from rec.data.batch import Bags, Batch
from rec.device import to_tensor
from rec.numeric import Array
from rec.table.optimizer import RowOptimizer
from rec.table.table import Table


class DeviceTable(Table):
    """A table in Paddle tensors. In static mode it computes beside the program, in dynamic graph.

    Args:
        weight: float32 [V, D], copied to the device.
        optimizer: the rule that moves rows.
        place: where it lives.
        moving: whether rows move, bool [V]; None: all do.
    """

    def __init__(self, weight: Array, optimizer: RowOptimizer, place: Any, moving: Array | None = None) -> None:
        super().__init__(weight.shape[1], optimizer, moving)
        self._place = place
        with paddle.base.dygraph.guard(place):
            arrays = {"weight": weight, **optimizer.initial_state(*weight.shape)}
            self._tensors = {name: paddle.to_tensor(value, place=place) for name, value in arrays.items()}

    def pull(self, batch: Batch) -> list[Any]:
        with paddle.base.dygraph.guard(self._place), paddle.no_grad():
            values = paddle.gather(self._tensors["weight"], self._on_device(batch.rows))
            return [self._pool(values, bags) for bags in batch.bags]

    def push(self, batch: Batch, gradients: list[Any]) -> None:
        self.move(batch, self._sum(batch, gradients))

    def collect(self, batch: Batch, gradients: list[Any]) -> list[Any]:
        (total,) = self._sum(batch, gradients)
        if self.moving is not None:
            with paddle.base.dygraph.guard(self._place), paddle.no_grad():
                total = total * self._on_device(self.moving[batch.rows].astype(np.float32)).unsqueeze(1)
        return [total]

    def _sum(self, batch: Batch, gradients: list[Any]) -> list[Any]:
        """float32 [N, D], the gradient of each distinct row."""
        with paddle.base.dygraph.guard(self._place), paddle.no_grad():
            total = paddle.zeros([len(batch.rows), self.dim])
            for bags, gradient in zip(batch.bags, gradients, strict=True):
                if isinstance(gradient, np.ndarray):
                    gradient = self._on_device(gradient)
                by_token = paddle.gather(gradient.reshape([-1, self.dim]), self._bag_of_token(bags))
                by_token = self._weighted(by_token, bags)
                total = paddle.index_add(total, self._on_device(bags.positions), 0, by_token)
            return [total]

    def move(self, batch: Batch, collected: list[Any]) -> None:
        with paddle.base.dygraph.guard(self._place), paddle.no_grad():
            (total,) = [self._on_device(each) for each in collected]
            moved = batch.rows
            if self.moving is not None:
                kept = np.flatnonzero(self.moving[moved])
                if not len(kept):
                    return
                moved, total = moved[kept], paddle.gather(total, self._on_device(kept))
            rows = self._on_device(moved)
            before = {name: paddle.gather(tensor, rows) for name, tensor in self._tensors.items()}
            weight, state = self.optimizer.step(before.pop("weight"), before, total)
            for name, value in {"weight": weight, **state}.items():
                paddle.scatter_(self._tensors[name], rows, value)

    def arrays(self) -> dict[str, Array]:
        return {name: tensor.numpy() for name, tensor in self._tensors.items()}

    def take(self, arrays: dict[str, Array]) -> None:
        with paddle.base.dygraph.guard(self._place):
            for name, value in arrays.items():
                self._tensors[name] = paddle.to_tensor(value, place=self._place)

    def _pool(self, values: Any, bags: Bags) -> Any:
        # index_add rather than segment_sum, which drops trailing empty bags and crashes without tokens.
        by_token = self._weighted(paddle.gather(values, self._on_device(bags.positions)), bags)
        empty = paddle.zeros([len(bags.offsets) - 1, self.dim])
        pooled = paddle.index_add(empty, self._bag_of_token(bags), 0, by_token)
        return pooled.reshape([bags.num_row, bags.num_field * self.dim])

    def _bag_of_token(self, bags: Bags) -> Any:
        """int64 [T], the bag that each token is in: how many bags end at or before it."""
        tokens = paddle.arange(len(bags.positions), dtype="int32")
        return paddle.searchsorted(self._on_device(bags.offsets[1:]), tokens, right=True)

    def _weighted(self, by_token: Any, bags: Bags) -> Any:
        return by_token if bags.weights is None else by_token * self._on_device(bags.weights).unsqueeze(1)

    def _on_device(self, array: Array) -> Any:
        return to_tensor(array, self._place)
