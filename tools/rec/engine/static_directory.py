"""The static-graph engine of PaddleRec's own model directories, run as PIR programs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import paddle

from rec.checkpoint.state import State
from rec.config.config import Config
from rec.console import log
from rec.device import choose
from rec.engine.engine import Engine
from rec.engine.match import by_structure, by_variable, check_match
from rec.engine.schedule import Schedule
from rec.errors import UserError
from rec.numeric import Array
from rec.optimize.fed import FedRows
from rec.optimize.memory import of_variable
from rec.optimize.rule import NoRuleError
from rec.pir.prepared import Prepared
from rec.pir.program import Built, build, dtype_of


class StaticDirectoryEngine(Engine):
    """A PaddleRec `StaticModel`: its training program, and its evaluation program over the same parameters.

    Parameters are shared by name: each program is built with names that count from zero, as PaddleRec's tools do in
    two processes.

    Args:
        model: the directory's `StaticModel`.
        config: its config.
        training: whether a training program is needed. The evaluation program is then built when it is first run.
    """

    prefix = "rec_static"

    def __init__(self, model: Any, config: Config, training: bool) -> None:
        self.config, self._model_class = config, type(model)
        self._place = choose(config.runner.use_gpu)
        paddle.enable_static()
        self._scope, self._executor = paddle.static.Scope(), paddle.static.Executor(self._place)
        self._prepared: dict[int, Prepared] = {}
        self._main = self._build_main(model, training)
        self._train = self._main if training else None
        self._eval = None if training else self._main
        paddle.seed(config.runner.seed)
        with paddle.static.scope_guard(self._scope):
            self._executor.run(self._main.startup)
        self._take_memory()
        self._count_in(self._main)
        self._schedule = Schedule(getattr(self._main.program, "lr_scheduler", None))
        self.feed_dtypes = [dtype_of(variable).name for variable in self._main.inputs]

    def _build_main(self, model: Any, training: bool) -> Built:
        if not training or self.config.runner.use_gpu:
            return build(model, self.config, is_infer=not training)
        try:
            return build(model, self.config, is_infer=False, rows=FedRows())
        except NoRuleError as reason:
            log.info("embeddings get dense gradients: no rule for rows under %s", reason)
        return build(self._model_class(self.config), self.config, is_infer=False)

    def _take_memory(self) -> None:
        """Let the rows know where the parameters are."""
        self._main.rows.open(partial(of_variable, self._scope))

    def variable_names(self) -> dict[str, str]:
        """Paddle's name of each weight by its name in checkpoints: the same."""
        return {parameter.name: parameter.name for parameter in _parameters(self._main.program)}

    def _count_in(self, built: Built) -> None:
        """The loops print, and reset, the metrics of the program that ran last."""
        self.metrics: list[Any] = list(built.metrics.values())
        self.metric_names = list(built.metrics)

    def make_metrics(self) -> tuple[list[Any], list[str]]:
        """Those of the evaluation program, which has its own."""
        built = self._evaluation()
        return list(built.metrics.values()), list(built.metrics)

    def train_step(self, batch: list[Array]) -> dict[str, Any]:
        assert self._train is not None
        shown, _ = self._step(self._train, batch)
        self._schedule.after_step()
        return shown

    def eval_step(self, batch: list[Array]) -> dict[str, Any]:
        """What the model returned, and each AUC's predictions and labels as `<name>_prediction`, `<name>_label`."""
        self._main.rows.settle()
        shown, counted = self._step(self._evaluation(), batch)
        return {**shown, **counted}

    def _evaluation(self) -> Built:
        if self._eval is None:
            self._eval = build(self._model_class(self.config), self.config, is_infer=True)
            check_match(
                self._weights(self._main),
                {p.name: p for p in _parameters(self._eval.program)},
                "net's parameters",
                more_is_fine=True,
            )
        return self._eval

    def _step(self, built: Built, batch: list[Array]) -> tuple[dict[str, Any], dict[str, Any]]:
        self._count_in(built)
        feed = built.feed(batch)
        fetches = [*built.fetched.values(), *(v for call in built.counted.values() for v in call.fetches)]
        built.ids.check(feed, self._run)
        feed |= built.rows.pull(feed, self._run)
        found = self._run(built.program, feed, [*fetches, *built.rows.fetches])
        built.rows.push(found[len(fetches) :])
        results = iter(found)
        shown = {name: _figure(next(results), variable) for name, variable in built.fetched.items()}
        counted: dict[str, Any] = {}
        for name, call in built.counted.items():
            prediction, label, *weight = (next(results) for _ in call.fetches)
            built.metrics[name].update(prediction, label, *weight)
            counted |= {f"{name}_prediction": prediction[:, -1:], f"{name}_label": label}
        return {**shown, **built.constants}, counted

    def _run(self, program: Any, feed: Mapping[str, Array], fetches: list[Any]) -> list[Array]:
        """Run a program, with the same fetches each time.

        Raises:
            UserError: an operator refuses what it is given, with the model's line.
        """
        prepared = self._prepared.get(id(program))
        if prepared is None:
            prepared = self._prepared[id(program)] = Prepared(program, self._place, self._scope, fetches)
        try:
            return prepared.run(feed)
        except (ValueError, RuntimeError, TypeError, OSError) as error:
            raise UserError(f"a step failed: {_operator_error(str(error), str(self.config.model_dir))}") from error

    def state(self) -> State:
        if self._train is None:
            return State(self._weights(self._main))
        with paddle.static.scope_guard(self._scope):
            names = sorted(self._train.program.state_dict("opt", self._scope))
        own = {name: self._get(name) for name in names if not name.startswith("learning_rate_")}
        own |= self._main.rows.states()
        return State(self._weights(self._main), by_structure(own, self.variable_names()))

    def _weights(self, built: Built) -> dict[str, Array]:
        return {parameter.name: self._get(parameter.name) for parameter in _parameters(built.program)}

    def load(self, state: State) -> None:
        own = self.state()
        # An evaluation program may lack what only training needs.
        check_match(state.weights, own.weights, "the checkpoint's weights", more_is_fine=self._train is None)
        arrays = {name: value for name, value in state.weights.items() if name in own.weights}
        if state.optimizer and self._train is not None:
            check_match(state.optimizer, own.optimizer, "the checkpoint's optimizer states")
            arrays |= self._main.rows.take(by_variable(state.optimizer, self.variable_names()))
        for name, value in arrays.items():
            tensor = self._scope.find_var(name).get_tensor()
            tensor.set(np.ascontiguousarray(value, np.asarray(tensor).dtype), self._place)
        self._take_memory()

    @contextmanager
    def inference(self) -> Iterator[tuple[Built, Any]]:
        """The evaluation program and its executor, with the present parameters in scope."""
        built = self._evaluation()
        self._main.rows.settle()
        with paddle.static.scope_guard(self._scope):
            yield built, self._executor

    def num_parameter(self) -> dict[str, int]:
        return {name: value.size for name, value in self._weights(self._main).items()}

    def _get(self, name: str) -> Array:
        return np.array(self._scope.find_var(name).get_tensor())


def _parameters(program: Any) -> list[Any]:
    """A program's parameters, trained or not; two uses of one name are one. A schedule's learning rate is none."""
    named = {parameter.name: parameter for parameter in program.global_block().all_parameters()}
    return [parameter for name, parameter in named.items() if not name.startswith("learning_rate_")]


def _figure(value: Array, variable: Any) -> Array:
    """A fetched value; one number by its variable's shape, such as [1], becomes a scalar, which log lines show."""
    return value.reshape(()) if all(size == 1 for size in variable.shape) else value


def _operator_error(message: str, folder: str) -> str:
    """Paddle's report of a failed operator in one line: the model's line and the reason."""
    lines = re.findall(rf'File "({re.escape(folder)}[^"]*)", line (\d+)', message)
    reasons = [line for line in message.splitlines() if "Error:" in line or line.startswith("(")]
    place = ":".join(lines[-1]) + ": " if lines else ""
    return place + " ".join((reasons[-1] if reasons else message).split())[:400]
