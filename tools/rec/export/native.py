"""Our models as inference models: embedding table, pooling and network in one program, from ids to probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle

from rec.contract.native import features_of, predict, probabilities
from rec.data.batch import Bags, Batch
from rec.export.files import Feed, Signature
from rec.numeric import Array


class NativeCapture:
    """What the program of one of our models takes: per block of fields its tokens' ids and the bags' offsets (see
    `rec.data.batch.Bags`; a history is a block too), token weights and the row of each impression where the reader
    gives them, numbers, and the columns that the network predicts from, such as a price, under their own names.

    Args:
        engine: a dynamic engine of a model of ours.
        batch: any batch of its reader; it is scored once, for the names and the order of the outputs.
    """

    def __init__(self, engine: Any, batch: Batch) -> None:
        self._engine, self._blocks, self._numbers = engine, batch.bags, batch.numbers is not None
        predicted = engine.eval_step(batch)
        arrays = inputs(batch, engine.net.columns)
        feeds = [Feed(name, None, [-1, *array.shape[1:]], array.dtype.name) for name, array in arrays.items()]
        self.specs = [paddle.static.InputSpec(feed.shape, feed.dtype, feed.name) for feed in feeds]
        self.signature = Signature(feeds, list(predicted))

    def layer(self) -> Any:
        """Table, as it is now, and network; forward takes the inputs as one list."""
        return _WithTable(self._engine.net, self._engine.table.by_width(), self._blocks, self._numbers)


def inputs(batch: Batch, columns: Sequence[str]) -> dict[str, Array]:
    """The arrays of a batch by the program's input names: int64 [T] ids, int64 [R * F + 1] offsets, ...

    Of the `columns` each is float32 [B].
    """
    arrays: dict[str, Array] = {}
    for index, bags in enumerate(batch.bags):
        arrays[f"ids_{index}"] = batch.rows[bags.positions]
        arrays[f"offsets_{index}"] = bags.offsets.astype(np.int64)
        if bags.weights is not None:
            arrays[f"weights_{index}"] = bags.weights
        if bags.row_index is not None:
            arrays[f"row_index_{index}"] = bags.row_index.astype(np.int64)
    if batch.numbers is not None:
        arrays["numbers"] = batch.numbers
    return arrays | {name: batch.labels[name] for name in columns}


class _WithTable(paddle.nn.Layer):
    def __init__(self, net: Any, tables: dict[int, tuple[int, Array]], blocks: tuple[Bags, ...], numbers: bool) -> None:
        super().__init__()
        self.net = net
        self.tables = paddle.nn.ParameterDict()
        self._firsts = {dim: first for dim, (first, _) in tables.items()}
        for dim, (_, weight) in tables.items():
            self.tables[str(dim)] = self.create_parameter(list(weight.shape))
            self.tables[str(dim)].set_value(weight)
        self._blocks, self._numbers = blocks, numbers

    def forward(self, tensors: list[Any]) -> Any:
        return self._probabilities(tensors)

    # No branch of ours depends on a tensor, so Paddle need not rewrite the source, of which it knows not all.
    @paddle.jit.not_to_static
    def _probabilities(self, tensors: list[Any]) -> Any:
        rest = iter(tensors)
        pooled, row_index, lengths = [], [], []
        for bags in self._blocks:
            ids, offsets = next(rest), next(rest)
            table = self.tables[str(bags.dim)]
            vectors = paddle.gather(table, ids - self._firsts[bags.dim] if bags.dim else ids)
            if bags.weights is not None:
                vectors = vectors * paddle.unsqueeze(next(rest), 1)
            pooled.append(paddle.reshape(_pool(vectors, offsets), [-1, bags.num_field * table.shape[1]]))
            row_index.append(next(rest) if bags.row_index is not None else None)
            starts = offsets[:: bags.num_field]
            lengths.append(starts[1:] - starts[:-1] if bags.sequence else None)
        numbers = next(rest) if self._numbers else None
        features = features_of(self._blocks, pooled, row_index, lengths, numbers)
        columns = {name: paddle.unsqueeze(column, 1) for name, column in zip(self.net.columns, rest, strict=True)}
        return list(probabilities(predict(self.net, features, columns)).values())


def _pool(vectors: Any, offsets: Any) -> Any:
    """Sums of the vectors [T, D] between offsets [N + 1]: [N, D], zeros for an empty bag."""
    tokens = paddle.arange(paddle.shape(vectors)[0], dtype="int64")
    bag = paddle.searchsorted(offsets, tokens, right=True) - 1
    empty = paddle.zeros([paddle.shape(offsets)[0] - 1, vectors.shape[1]], "float32")
    return paddle.index_add(empty, bag, 0, vectors)
