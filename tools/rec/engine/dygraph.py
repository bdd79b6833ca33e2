"""The dynamic-graph engine: runs a directory's `DygraphModel`, ours or PaddleRec's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from rec.checkpoint.state import State
from rec.config.config import Config
from rec.data.table_rows import TableRows
from rec.device import choose
from rec.engine.calls import call
from rec.engine.embeddings import check_lookups
from rec.engine.engine import Engine
from rec.engine.feeds import Feed, TableFeed, TensorFeed
from rec.engine.match import check_match, check_rule, rule_of
from rec.engine.moves import Moves
from rec.engine.optimizers import Optimizers
from rec.engine.variables import Parameters
from rec.errors import UserError
from rec.nn.weighting.second_look import SecondLook, next_kept
from rec.numeric import Array


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
        self._moves: Moves | None = None
        if self.optimizer is not None and self.table is not None:
            self._moves = Moves(config, self.table, self.net, Parameters(self.net), self._step, self._look)

    def make_metrics(self) -> tuple[list[Any], list[str]]:
        metrics, names = self.model.create_metrics()
        return metrics, names

    def train_step(self, batch: Any) -> dict[str, Any]:
        assert self.optimizer is not None
        if not self.net.training:
            self.net.train()
        self.optimizer.begin()
        if self._moves is not None:
            self._moves.begin()
        inputs = self.feed.open(batch, training=True)
        loss, self.metrics, shown = call(self.model, "train_forward", self.net, self.metrics, inputs, self.config)
        loss.backward()
        self.move(inputs)
        arrays = {"loss": loss.numpy(), **_arrays(shown)}
        if self._look is not None:
            with paddle.no_grad():
                now = self.model.losses_again(self.net, self.feed.open(batch, training=False))
            self._look.kept.set_value(next_kept(self._look, self._look.kept.numpy(), arrays, now))
        return arrays

    def move(self, inputs: Any) -> None:
        """After the backward pass: move what is trained."""
        assert self.optimizer is not None
        if self._moves is None:
            self.feed.close(inputs)
            self.optimizer.gather()
            self.optimizer.step()
            return
        gradients = [vector.grad for vector in inputs.vectors]
        if not self._moves.move(inputs.batch, gradients, self.optimizer.own_gradients, inputs.work):
            self.optimizer.forget()

    def _step(self, gradients: Mapping[str, Any]) -> None:
        assert self.optimizer is not None
        self.optimizer.step(gradients)

    def _settle(self) -> None:
        """Before weights are looked at: make the updates that wait."""
        if self.optimizer is not None:
            self.optimizer.sparse.settle()
        if self._moves is not None:
            self._moves.settle()

    def set_rates(self, rates: Mapping[str, float]) -> None:
        if "optimizer" in rates and self.optimizer is not None:
            self.optimizer.set_rate(rates["optimizer"])
        if "table_optimizer" in rates and self.table is not None:
            self.table.set_rate(rates["table_optimizer"])

    def eval_step(self, batch: Any) -> dict[str, Any]:
        if self.net.training:
            self.net.eval()
        self._settle()
        with paddle.no_grad():
            inputs = self.feed.open(batch, training=False)
            self.metrics, shown = call(self.model, "infer_forward", self.net, self.metrics, inputs, self.config)
        return _arrays(shown)

    def state(self) -> State:
        self._settle()
        weights = {name: tensor.numpy() for name, tensor in self.net.state_dict().items()}
        if self.table is not None:
            weights |= self.table.weights()
        if self.optimizer is None:
            return State(weights)
        optimizer, scheduler = self.optimizer.state(self.variable_names())
        if self.table is not None:
            optimizer |= self.table.optimizer_state()
        if self._moves is not None:
            optimizer |= self._moves.state()
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
            averages = self._moves.state() if self._moves is not None else {}
            rest = {k: v for k, v in state.optimizer.items() if k not in table_names and k not in averages}
            self.optimizer.load(rest, state.scheduler, self.variable_names())
        if self._moves is not None:
            self._moves.load(state.optimizer)

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
