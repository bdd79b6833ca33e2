"""The static-graph engine: a directory's `StaticModel` as PIR programs, ours or PaddleRec's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import paddle

from rec.checkpoint.state import State
from rec.config.config import Config
from rec.data.batch import Batch
from rec.data.reader import Reader
from rec.device import choose, to_array
from rec.distributed.ranks import here
from rec.engine.built import Built
from rec.engine.clip import Clip
from rec.engine.engine import Engine
from rec.engine.match import by_structure, by_variable, check_match, check_rule, rule_of
from rec.errors import UserError
from rec.nn.weighting.second_look import SecondLook, next_kept
from rec.numeric import Array
from rec.optimize.host import HostOptimizer
from rec.optimize.memory import of_variable
from rec.pir.prepared import Prepared
from rec.table.table import Table


class StaticEngine(Engine):
    """A model of ours in static graph: a training program and an evaluation program over the same parameters.

    Args:
        model: the directory's `StaticModel`.
        config: its config.
        training: whether a training program is needed.
        reader: the reader, whose blocks and labels decide what is fed, and whose ids are the table's rows.
    """

    prefix = "rec_static"

    def __init__(self, model: Any, config: Config, training: bool, reader: Reader) -> None:
        self.model, self.config = model, config
        self._place = choose(config.runner.use_gpu)
        model.blocks, model.numbers, model.labels = reader.blocks, reader.numbers, reader.labels
        initial = self._initial_weights()
        self.table: Table = model.create_table(self._blueprint, config, reader.rows, self._place)
        paddle.enable_static()
        self._scope = paddle.static.Scope()
        self._executor = paddle.static.Executor(self._place)
        self._moved: list[Any] = []  # parameters that the host moves, not the program
        self._look: SecondLook | None = self._blueprint.second_look if training else None
        self._again = self._build(is_infer=False, again=True) if self._look else None
        self._train = self._build(is_infer=False) if training else None
        self._eval = self._build(is_infer=True)
        self._parameters = self._eval.parameters
        for name, value in initial.items():
            self._set(self._parameters[name], value)
        self._host: HostOptimizer | None = None
        if self._moved:
            self._host = HostOptimizer(self._optimizer, self._moved, partial(of_variable, self._scope))
        self._clip = Clip.of(config.hyper_parameters["optimizer"]) if training else None
        if self._clip and self._host is None:
            raise UserError(
                "optimizer.clip_norm and clip_value are not for static graph on a GPU: use tools/trainer.py"
            )
        self.metrics, self.metric_names = self.make_metrics()

    def _initial_weights(self) -> dict[str, Array]:
        """The dynamic engine's initial weights: a startup program would draw others from the same seed."""
        paddle.disable_static(self._place)
        paddle.seed(self.config.runner.seed)
        with paddle.utils.unique_name.guard():
            self._blueprint = self.model.build_network(self.config)
        return {name: tensor.numpy() for name, tensor in self._blueprint.state_dict().items()}

    def _build(self, is_infer: bool, again: bool = False) -> Built:
        """A program for training or evaluation, or, `again`, one of a training step's losses alone."""
        program, startup = paddle.static.Program(), paddle.static.Program()
        # Paddle's own gradient code asks a variable for its place, and Paddle warns of that.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*'place' interface.*")
            inputs, fetched, extra = self._define(program, startup, is_infer, again)
        parameters = {name: variable.name for name, variable in self.model.layer.state_dict().items()}
        with paddle.static.scope_guard(self._scope):
            self._executor.run(startup)
        feeds = [variable.name for variable in inputs]
        run = Prepared(program, self._place, self._scope, [*fetched.values(), *extra])
        return Built(program, run, feeds, list(fetched), parameters)

    def _define(
        self, program: Any, startup: Any, is_infer: bool, again: bool
    ) -> tuple[list[Any], dict[str, Any], list[Any]]:
        """Fill a program with the model: its inputs, what it offers by name, and the gradients of the vectors."""
        with paddle.utils.unique_name.guard(), paddle.static.program_guard(program, startup):
            inputs = self.model.create_feeds(is_infer=is_infer)
            if again:
                return inputs, self.model.losses_again(inputs), []
            fetched = self.model.infer_net(inputs) if is_infer else self.model.net(inputs)
            if is_infer:
                return inputs, fetched, []
            self._optimizer = self.model.create_optimizer()
            gradients = self.model.dense_gradients
            self._moved = [p for p in self.model.layer.parameters() if p.name in gradients]
            return inputs, fetched, [*self.model.gradients, *(gradients[p.name] for p in self._moved)]

    def make_metrics(self) -> tuple[list[Any], list[str]]:
        metrics, names = self.model.create_metrics()
        return metrics, names

    def train_step(self, batch: Batch) -> dict[str, Any]:
        assert self._train is not None
        values, gradients = self._run(self._train, batch, is_infer=False)
        own, dense = gradients[: len(batch.bags)], gradients[len(batch.bags) :]
        if self._clip is None:
            self.table.push(batch, own)
            dense = here().mean(dense)
        else:
            rows = self.table.collect(batch, own)
            dense = here().mean(dense)
            clipped = self._clip([*rows, *dense], len(rows) if self.table.divided else 0)
            self.table.move(batch, clipped[: len(rows)])
            dense = clipped[len(rows) :]
        if self._host is not None:  # beside the table's update
            self._host.step({p.name: gradient for p, gradient in zip(self._moved, dense, strict=True)})
        self.model.count(self.metrics, values, batch)
        if self._look is not None and self._again is not None:
            now, _ = self._run(self._again, batch, is_infer=False)
            name = self._look.kept.name
            self._set(name, next_kept(self._look, self._get(name), values, now))
        return {name: values[name] for name in self.model.shown}

    def set_rates(self, rates: Mapping[str, float]) -> None:
        if "optimizer" in rates:
            if self._host is None:
                raise UserError("a schedule of the network's learning rate is not for static graph on a GPU")
            self._optimizer._learning_rate = rates["optimizer"]
        if "table_optimizer" in rates:
            self.table.set_rate(rates["table_optimizer"])

    def eval_step(self, batch: Batch) -> dict[str, Any]:
        values = self.model.calibrated(self._run(self._eval, batch, is_infer=True)[0], batch)
        self.model.count(self.metrics, values, batch)
        return values

    def _run(self, built: Built, batch: Batch, is_infer: bool) -> tuple[dict[str, Array], list[Array]]:
        """Results by name, and gradients, which the next run overwrites: the table's update has read them by then."""
        pulled = [to_array(vectors) for vectors in self.table.pull(batch)]
        arrays = self.model.feed(batch, pulled, is_infer)
        feed = dict(zip(built.feeds, arrays, strict=True))
        count = len(built.names)
        results = built.run.run(feed, kept=count)
        return dict(zip(built.names, results[:count], strict=True)), results[count:]

    def state(self) -> State:
        weights = {name: self._get(variable) for name, variable in self._parameters.items()}
        weights |= self.table.weights()
        if self._train is None:
            return State(weights)
        optimizer = by_structure(self._accumulators(), self._parameters)
        optimizer |= self.table.optimizer_state()
        return State(weights, optimizer, rule=rule_of(type(self._optimizer).__name__, self.table))

    def load(self, state: State) -> None:
        own = self.state()
        check_match(state.weights, own.weights, "the checkpoint's weights")
        if state.optimizer and self._train is not None:
            check_rule(state.rule, own.rule)
            check_match(state.optimizer, own.optimizer, "the checkpoint's optimizer states")
        arrays = {**state.weights, **(state.optimizer if self._train is not None else {})}
        table_names = {**self.table.weights(), **self.table.optimizer_state()}
        self.table.load({name: arrays.pop(name) for name in table_names if name in arrays})
        variables = by_variable(arrays, self._parameters)
        if self._host is not None:
            variables = self._host.take(variables)
        for name, value in variables.items():
            self._set(self._parameters.get(name, name), value)

    def num_parameter(self) -> dict[str, int]:
        return {name: value.size for name, value in self.state().weights.items()}

    def _accumulators(self) -> dict[str, Array]:
        """The dense optimizer's states by Paddle's names."""
        assert self._train is not None
        if self._host is not None:
            return self._host.states()
        with paddle.static.scope_guard(self._scope):
            names = self._train.program.state_dict("opt", self._scope)
        return {name: self._get(name) for name in sorted(names) if not name.startswith("learning_rate_")}

    def _get(self, variable: str) -> Array:
        return np.array(self._scope.find_var(variable).get_tensor())

    def _set(self, variable: str, value: Array) -> None:
        self._scope.find_var(variable).get_tensor().set(value, self._place)
