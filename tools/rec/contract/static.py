"""PaddleRec's static contract, implemented once for our networks."""

from __future__ import annotations

from typing import Any

import paddle

from rec.config.config import Config
from rec.contract.native import NativeModel, count, features_of, losses_by_name, predict, probabilities
from rec.contract.shown import losses_again, shown
from rec.data.batch import Batch
from rec.data.reader import Block
from rec.device import on_host
from rec.distributed.ranks import here
from rec.metrics.tasks import TaskMetrics
from rec.nn.features import Features
from rec.nn.gathered import gathered
from rec.numeric import Array


class StaticModel(NativeModel):
    """The `StaticModel` of a model directory of ours: `class StaticModel(static.StaticModel): network = ESMM`.

    The program is the network without its table: pulled vectors are fed, and their gradients fetched.

    Attributes:
        blocks, numbers, labels: the reader's; the engine sets them before it builds a program.
        layer: the network of the program built last.
        vectors: the fed field vectors, one variable per block.
        gradients: their gradients, once the optimizer is made.
        dense_gradients: those of the parameters that have one, by name, where the host is to move them.
        shown: which of a training program's results are shown or watched, and are no predictions.
    """

    blocks: tuple[Block, ...]
    numbers: tuple[str, ...]
    labels: tuple[str, ...]

    def __init__(self, config: Config) -> None:
        self.config = config
        self.vectors: list[Any] = []
        self.gradients: list[Any] = []
        self.dense_gradients: dict[str, Any] = {}
        self.shown: tuple[str, ...] = ()

    def create_feeds(self, is_infer: bool = False) -> list[Any]:
        """Vectors of each block, the row of each impression where a block is shared, labels where they are needed."""
        self.layer = self.build_network(self.config)
        if is_infer:
            self.layer.eval()
        self.vectors, feeds = [], []
        for index, block in enumerate(self.blocks):
            width = block.num_field * (block.dim or self.layer.embedding_dim)
            vector = paddle.static.data(f"block_{index}", [-1, width], "float32")
            vector.stop_gradient = False
            self.vectors.append(vector)
            feeds.append(vector)
            if block.shared:
                feeds.append(paddle.static.data(f"row_index_{index}", [-1], "int32"))
            if block.sequence:
                feeds.append(paddle.static.data(f"lengths_{index}", [-1], "int64"))
        if self.numbers:
            feeds.append(paddle.static.data("numbers", [-1, len(self.numbers)], "float32"))
        names = [f"own_{name}" for name in self._own_columns(is_infer)]
        names += [f"label_{name}" for name in self._fed_labels(is_infer)]
        return feeds + [paddle.static.data(name, [-1, 1], "float32") for name in names]

    def _own_columns(self, is_infer: bool) -> tuple[str, ...]:
        """Of a batch that trainers divide, the labels that a network predicts from are this one's."""
        return () if is_infer or here().alone else self._fed_labels(is_infer=True)

    def _fed_labels(self, is_infer: bool) -> tuple[str, ...]:
        """In evaluation only those that the network predicts from."""
        if not is_infer:
            return self.labels
        return tuple(name for name in self.labels if name in self.layer.columns)

    def feed(self, batch: Batch, pulled: list[Array], is_infer: bool) -> list[Array]:
        """Arrays for `create_feeds`, in its order."""
        arrays: list[Array] = []
        for bags, vectors in zip(batch.bags, pulled, strict=True):
            arrays.append(vectors)
            if bags.row_index is not None:
                arrays.append(bags.row_index)
            if bags.sequence:
                arrays.append(bags.lengths)
        if batch.numbers is not None:
            arrays.append(batch.numbers)
        columns = [batch.labels[name] for name in self._own_columns(is_infer)]
        columns += [batch.told[name] for name in self._fed_labels(is_infer)]
        return arrays + [column.reshape(-1, 1) for column in columns]

    def net(self, inputs: list[Any], is_infer: bool = False) -> dict[str, Any]:
        """Probabilities by name, and in training what to show; sets the cost to minimise."""
        features, columns, labels = self._given(inputs, is_infer)
        outputs = predict(self.layer, features, columns)
        if is_infer:
            return probabilities(outputs)
        outputs = gathered(outputs)
        losses = losses_by_name(self.layer, outputs, labels, features)
        self._cost = losses["loss"]
        offered = shown(self.config, self.layer, outputs, labels, losses, features)
        self.shown = tuple(offered)
        return {**offered, **probabilities(outputs)}

    def losses_again(self, inputs: list[Any]) -> dict[str, Any]:
        """`loss_<task>` of each trained task, after a step."""
        return losses_again(self.layer, *self._given(inputs, is_infer=False))

    def _given(self, inputs: list[Any], is_infer: bool) -> tuple[Features, dict[str, Any], dict[str, Any]]:
        """Features of the fed variables, the columns that are predicted from, and the labels of all trainers."""
        rest = iter(inputs)
        vectors, row_index, lengths = [], [], []
        for block in self.blocks:
            vectors.append(next(rest))
            row_index.append(next(rest) if block.shared else None)
            lengths.append(next(rest) if block.sequence else None)
        numbers = next(rest) if self.numbers else None
        features = features_of(self.blocks, vectors, row_index, lengths, numbers, on_host())
        own = {name: next(rest) for name in self._own_columns(is_infer)}
        labels = dict(zip(self._fed_labels(is_infer), rest, strict=True))
        return features, own or labels, labels

    def infer_net(self, inputs: list[Any]) -> dict[str, Any]:
        """Probabilities by name."""
        return self.net(inputs, is_infer=True)

    def create_optimizer(self, strategy: Any = None) -> Any:
        """Add the backward pass to the program, one for parameters and vectors, and on a GPU the update too."""
        parameters = self.layer.trained()
        gradients = paddle.static.gradients([self._cost], [*parameters, *self.vectors])
        self.gradients = gradients[len(parameters) :]
        optimizer = self.dense_optimizer(self.config)
        pairs = [pair for pair in zip(parameters, gradients[: len(parameters)], strict=True) if pair[1] is not None]
        if on_host():
            self.dense_gradients = {parameter.name: gradient for parameter, gradient in pairs}
        else:
            optimizer.apply_gradients(pairs)
        return optimizer

    def count(self, metrics: list[TaskMetrics], fetched: dict[str, Array], batch: Batch) -> None:
        """Count a step's fetched probabilities in the metrics."""
        count(metrics[0], fetched, batch)
