"""How batches become what a dynamic model's forward takes, PaddleRec's or ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import paddle

from rec.contract.dygraph import Inputs
from rec.contract.native import features_of
from rec.data.batch import Batch
from rec.device import to_tensor
from rec.numeric import Array
from rec.table.table import Table


class Feed(Protocol):
    """How a batch becomes what the model's forward takes, and what happens after the backward pass."""

    def open(self, batch: Any, training: bool) -> Any:
        """The `batch` argument of `train_forward` and `infer_forward`."""

    def close(self, inputs: Any) -> None:
        """Called after the backward pass."""


class TensorFeed:
    """PaddleRec's models: a list of tensors by position."""

    def __init__(self, place: Any) -> None:
        self._place = place

    def open(self, batch: Any, training: bool) -> Any:
        """The batch with a tensor for each array, however deep."""
        if isinstance(batch, np.ndarray):
            return paddle.to_tensor(batch, place=self._place)
        if isinstance(batch, list):
            return [self.open(value, training) for value in batch]
        return {key: self.open(value, training) for key, value in batch.items()} if isinstance(batch, dict) else batch

    def close(self, inputs: Any) -> None:
        """Nothing: such models keep their embeddings to themselves."""


class TableFeed:
    """Our models: vectors pulled from the table, whose gradients are pushed back.

    Attributes:
        on_host: whether whole towers may run as one operator, in which no layer is seen.
    """

    def __init__(self, table: Table, place: Any) -> None:
        self._table, self._place = table, place
        self.on_host = isinstance(place, paddle.CPUPlace)

    def open(self, batch: Batch, training: bool) -> Inputs:
        vectors = [to_tensor(array, self._place) for array in self._table.pull(batch)]
        for vector in vectors:
            vector.stop_gradient = not training
        row_index = [None if bags.row_index is None else to_tensor(bags.row_index, self._place) for bags in batch.bags]
        lengths = [to_tensor(bags.lengths, self._place) if bags.sequence else None for bags in batch.bags]
        labels = self._columns(batch.labels)
        told = labels if batch.everyone is None else self._columns(batch.told)
        numbers = None if batch.numbers is None else to_tensor(batch.numbers, self._place)
        features = features_of(batch.bags, vectors, row_index, lengths, numbers, self.on_host)
        return Inputs(features, labels, told, batch, vectors)

    def _columns(self, labels: Mapping[str, Array]) -> dict[str, Any]:
        return {name: to_tensor(label.reshape(-1, 1), self._place) for name, label in labels.items()}

    def close(self, inputs: Inputs) -> None:
        """Nothing: `Moves` knows the table."""
