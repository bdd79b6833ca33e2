"""Our models as inference models: embedding table, pooling and network in one program, from ids to probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paddle

from rec.calibration.calibration import Calibration
from rec.config.config import Config
from rec.contract.native import features_of, predict, probabilities
from rec.data.arrays import inputs
from rec.data.batch import Bags, Batch
from rec.errors import UserError
from rec.export.calibrated import calibrated
from rec.export.files import Feed, Signature
from rec.loading import where
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
        """Table and calibration, as they are now, and network; forward takes the inputs as one list."""
        engine = self._engine
        return _WithTable(engine.table.by_width(), engine.net, self._blocks, self._numbers, engine.model.calibration)


class NetworkOnly(paddle.nn.Layer):
    """What comes behind the table: forward takes by block the pooled vectors, float32 [R, F * D], the row of each
    impression where rows are shared, and a history's lengths; then numbers, and the columns that it predicts from."""

    def __init__(
        self, net: Any, blocks: tuple[Bags, ...], numbers: bool, calibration: Calibration | None = None
    ) -> None:
        super().__init__()
        self.net, self._blocks, self._numbers, self._calibration = net, blocks, numbers, calibration

    def forward(self, tensors: list[Any]) -> Any:
        return self._probabilities(tensors)

    @paddle.jit.not_to_static
    def _probabilities(self, tensors: list[Any]) -> Any:
        rest = iter(tensors)
        pooled, row_index, lengths = [], [], []
        for bags in self._blocks:
            pooled.append(next(rest))
            row_index.append(next(rest) if bags.row_index is not None else None)
            lengths.append(next(rest) if bags.sequence else None)
        return self.outputs(pooled, row_index, lengths, rest)

    def outputs(self, pooled: list[Any], row_index: list[Any], lengths: list[Any], rest: Iterator[Any]) -> list[Any]:
        """The predictions, float [B, 1] each."""
        numbers = next(rest) if self._numbers else None
        features = features_of(self._blocks, pooled, row_index, lengths, numbers)
        columns = {name: paddle.unsqueeze(column, 1) for name, column in zip(self.net.columns, rest, strict=True)}
        return list(calibrated(self._calibration, probabilities(predict(self.net, features, columns))).values())


class _WithTable(NetworkOnly):
    def __init__(self, tables: dict[int, tuple[int, Array]], *behind: Any) -> None:
        super().__init__(*behind)
        self.tables = paddle.nn.ParameterDict()
        self._firsts = {dim: first for dim, (first, _) in tables.items()}
        for dim, (_, weight) in tables.items():
            self.tables[str(dim)] = self.create_parameter(list(weight.shape))
            self.tables[str(dim)].set_value(weight)

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
        return self.outputs(pooled, row_index, lengths, rest)


def _pool(vectors: Any, offsets: Any) -> Any:
    """Sums of the vectors [T, D] between offsets [N + 1]: [N, D], zeros for an empty bag."""
    tokens = paddle.arange(paddle.shape(vectors)[0], dtype="int64")
    bag = paddle.searchsorted(offsets, tokens, right=True) - 1
    empty = paddle.zeros([paddle.shape(offsets)[0] - 1, vectors.shape[1]], "float32")
    return paddle.index_add(empty, bag, 0, vectors)


def save(layer: Any, specs: list[Any], path: Path, config: Config) -> None:
    """Write a layer whose forward takes one list as a program.

    Raises:
        UserError: Paddle cannot turn it into one.
    """
    layer.eval()
    try:
        with warnings.catch_warnings(), paddle.utils.unique_name.guard():
            warnings.simplefilter("ignore")
            paddle.jit.save(paddle.jit.to_static(layer, input_spec=[specs], full_graph=True), str(path))
    except OSError:
        raise
    except Exception as error:
        reason = where(error, config.model_dir)
        raise UserError(f"Paddle cannot turn the network into a program: {reason}") from error
