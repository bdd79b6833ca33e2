"""The dynamic-graph engine: runs a directory's `DygraphModel`, ours or PaddleRec's."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import paddle

from rec.checkpoint.state import State
from rec.config.config import Config
from rec.contract.dygraph import Inputs
from rec.contract.native import features_of
from rec.data.batch import Batch
from rec.data.table_rows import TableRows
from rec.device import choose, to_tensor
from rec.engine.calls import call
from rec.engine.embeddings import check_lookups
from rec.engine.engine import Engine
from rec.engine.match import check_match, check_rule, rule_of
from rec.engine.optimizers import Optimizers
from rec.errors import UserError
from rec.nn.weighting.second_look import SecondLook, next_kept
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
        labels = {name: to_tensor(label.reshape(-1, 1), self._place) for name, label in batch.labels.items()}
        numbers = None if batch.numbers is None else to_tensor(batch.numbers, self._place)
        features = features_of(batch.bags, vectors, row_index, lengths, numbers, self.on_host)
        return Inputs(features, labels, batch, vectors)

    def close(self, inputs: Inputs) -> None:
        self._table.push(inputs.batch, [vector.grad for vector in inputs.vectors])
        for work in inputs.later:
            work()


class DygraphEngine(Engine):
    """A model in dynamic graph.

    Args:
        model: the directory's `DygraphModel`.
        config: its config.
        training: whether an optimizer is needed.
        rows: of the embedding table of a model of ours; None: a PaddleRec model, which has its own.
    """

    prefix = "rec"

    def __init__(self, model: Any, config: Config, training: bool, rows: TableRows | None = None) -> None:
        self.model, self.config = model, config
        place = choose(config.runner.use_gpu)
        paddle.seed(config.runner.seed)
        # Names start from zero, whatever else this process has built: accumulators are found by name on resume.
        with paddle.utils.unique_name.guard():
            self.net = model.create_model(config)
            made = model.create_optimizer(self.net, config) if training else None
        self.metrics, self.metric_names = self.make_metrics()
        if rows is not None:
            self.table = model.create_table(self.net, config, rows, place)
        self.feed: Feed = TableFeed(self.table, place) if self.table else TensorFeed(place)
        if self.table is None:
            check_lookups(self.net)
        own = self.table is not None
        self._look: SecondLook | None = self.net.second_look if own else None
        on_host = own and isinstance(place, paddle.CPUPlace)
        self.optimizer = Optimizers(made, self.net, not own, on_host) if training else None

    def make_metrics(self) -> tuple[list[Any], list[str]]:
        metrics, names = self.model.create_metrics()
        return metrics, names

    def train_step(self, batch: Any) -> dict[str, Any]:
        assert self.optimizer is not None
        if not self.net.training:
            self.net.train()
        self.optimizer.begin()
        inputs = self.feed.open(batch, training=True)
        loss, self.metrics, shown = call(self.model, "train_forward", self.net, self.metrics, inputs, self.config)
        loss.backward()
        self.feed.close(inputs)
        self.optimizer.gather()
        self.optimizer.step()
        arrays = {"loss": loss.numpy(), **_arrays(shown)}
        if self._look is not None:
            with paddle.no_grad():
                now = self.model.losses_again(self.net, self.feed.open(batch, training=False))
            self._look.kept.set_value(next_kept(self._look, self._look.kept.numpy(), arrays, now))
        return arrays

    def eval_step(self, batch: Any) -> dict[str, Any]:
        if self.net.training:
            self.net.eval()
        if self.optimizer is not None:
            self.optimizer.sparse.settle()
        with paddle.no_grad():
            inputs = self.feed.open(batch, training=False)
            self.metrics, shown = call(self.model, "infer_forward", self.net, self.metrics, inputs, self.config)
        return _arrays(shown)

    def state(self) -> State:
        if self.optimizer is not None:
            self.optimizer.sparse.settle()
        weights = {name: tensor.numpy() for name, tensor in self.net.state_dict().items()}
        if self.table is not None:
            weights |= self.table.weights()
        if self.optimizer is None:
            return State(weights)
        optimizer, scheduler = self.optimizer.state(self.variable_names())
        if self.table is not None:
            optimizer |= self.table.optimizer_state()
        return State(weights, optimizer, scheduler, rule_of(self.optimizer.rule, self.table))

    def load(self, state: State) -> None:
        own = self.state()
        check_match(state.weights, own.weights, "the checkpoint's weights")
        if state.optimizer and self.optimizer is not None:
            check_rule(state.rule, own.rule)
            self._check_optimizer(state.optimizer)
        table_names = {} if self.table is None else {**self.table.weights(), **self.table.optimizer_state()}
        self.net.set_state_dict({k: v for k, v in state.weights.items() if k not in table_names})
        if self.table is not None:
            arrays = {**state.weights, **state.optimizer}
            self.table.load({name: arrays[name] for name in table_names if name in arrays})
        if self.optimizer is not None:
            rest = {name: value for name, value in state.optimizer.items() if name not in table_names}
            self.optimizer.load(rest, state.scheduler, self.variable_names())

    def _check_optimizer(self, found: dict[str, Array]) -> None:
        """Paddle takes whatever state it is given: check that the table's fits and no parameter's is missing."""
        if self.table is None:
            return  # PaddleRec's parameters may be frozen or unused, and have no state then
        expected = self.table.optimizer_state()
        of_table = {name: value for name, value in found.items() if name.startswith("embedding") and "/" in name}
        check_match(of_table, expected, "the checkpoint's optimizer states")
        owners = {name.rpartition("/")[0] for name in found}
        trained = [name for name, parameter in self.net.named_parameters() if not parameter.stop_gradient]
        absent = [name for name in trained if name not in owners]
        if absent and len(absent) < len(trained):
            raise UserError(f"the checkpoint's optimizer states lack those of {', '.join(absent)}")

    def num_parameter(self) -> dict[str, int]:
        counts = {name: int(np.prod(p.shape)) for name, p in self.net.named_parameters()}
        return counts | ({} if self.table is None else {k: v.size for k, v in self.table.weights().items()})

    def variable_names(self) -> dict[str, str]:
        """Paddle's name of each weight (as a ParamAttr may give it) by its name in checkpoints."""
        return {name: tensor.name for name, tensor in self.net.state_dict().items()}


def _arrays(shown: dict[str, Any] | None) -> dict[str, Any]:
    arrays = {k: v.numpy() if hasattr(v, "numpy") else np.asarray(v) for k, v in (shown or {}).items()}
    return {k: v for k, v in arrays.items() if v.dtype != object}
