"""One weight in dynamic graph and the rows of it that a step looks up."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from rec.numeric import Array
from rec.optimize.rows import Rows, merged


class LookedUp:
    """A weight, the layers that look it up, and what they look up in a step.

    Attributes:
        ids, gradient: after `gather` the distinct rows with a gradient, int64 [N], and it, float32 [N, D].
    """

    def __init__(self, weight: Any, rows: Rows, optimizer: Any) -> None:
        self.weight, self.rows, self.optimizer = weight, rows, optimizer
        self.layers: list[Any] = []
        self.ids: Array = np.empty(0, np.int64)
        self.gradient: Array = np.empty((0, 0), np.float32)
        self._looked_up: list[tuple[Array, Any]] = []

    def look_up(self, ids: Any) -> Any:
        """What the layer's own forward returns, through a leaf that has the rows of these ids only."""
        rows, (places,) = self.rows.distinct(ids.numpy())
        trained = paddle.is_grad_enabled() and not self.weight.stop_gradient
        vectors = paddle.to_tensor(self.rows.pull(rows), stop_gradient=not trained)
        self._looked_up.append((rows, vectors))
        padding = None if self.rows.padding is None else 0
        return paddle.nn.functional.embedding(paddle.to_tensor(places), vectors, padding)

    def gather(self) -> None:
        """Take the gradients of the step's lookups."""
        looked_up, self._looked_up = self._looked_up, []
        pieces = [(rows, vectors.grad.numpy()) for rows, vectors in looked_up if vectors.grad is not None]
        self.ids, self.gradient = merged(pieces, self.rows) if pieces else (np.empty(0, np.int64), self.gradient)

    def push(self, rate: float) -> None:
        """Move the rows by the gradient that was gathered."""
        self.rows.push(self.ids, self.gradient, rate)
