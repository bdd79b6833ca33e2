"""What our models are made of in either graph mode: a network, its table, optimizers and metrics.

A model directory of ours names its network; everything else follows from the config and the network's declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import paddle
from pydantic import Field

from rec.config import hyper
from rec.config.bind import bind
from rec.config.config import Config
from rec.errors import UserError
from rec.metrics.tasks import Task, TaskMetrics
from rec.nn.features import Features
from rec.table.device import DeviceTable
from rec.table.host import HostTable
from rec.table.optimizer import OPTIMIZERS
from rec.table.table import Table, initial_weights

DENSE_OPTIMIZERS: dict[str, Callable[..., Any]] = {
    name: getattr(paddle.optimizer, name) for name in ("Adam", "AdamW", "Adagrad", "SGD", "Momentum", "RMSProp")
}


class Output(Protocol):
    """A prediction, such as `Probability` and `Number`."""

    @property
    def value(self) -> Any:
        """The prediction in its label's units, float [B, 1]."""


class Network(Protocol):
    """What the contract asks of a network of ours, a `paddle.nn.Layer`.

    It may have a method `combine(losses, labels, features)` that says the scalar to minimise; else it is their sum.

    Attributes:
        tasks: what it predicts and the labels that is judged by; they may depend on its hyper-parameters.
        embedding_dim: width of a table row; `forward` gets F * embedding_dim features.
        columns: label columns that `forward` reads besides, as a second argument, by name; may be absent.
    """

    tasks: tuple[Task, ...]
    embedding_dim: int

    def __call__(self, features: Features) -> dict[str, Output]:
        """Predictions by task name, [B, 1] each."""

    def parameters(self) -> list[Any]:
        """Its parameters, as Paddle's layers give them."""

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Mean loss of each trained task, scalars. Labels are float [B, 1] by name."""


@dataclass(frozen=True)
class TableSettings:
    """The embedding table's hyper-parameters, under PaddleRec's names.

    Attributes:
        sparse_feature_number: V; ids are 0 to V - 1. None: the reader says, from its data.
        sparse_feature_dim: D, the width of an embedding vector.
    """

    sparse_feature_dim: Annotated[int, Field(gt=0)]
    sparse_feature_number: Annotated[int, Field(gt=0)] | None = None


class HouseModel:
    """Base of our `DygraphModel` and `StaticModel`; a directory sets `network`.

    Attributes:
        tasks: those of the network built last.
    """

    network: ClassVar[Any]
    tasks: tuple[Task, ...]

    def check(self, config: Config, reader: Any) -> list[str]:
        """Everything wrong with the config's runner keys and hyper-parameters for this network and reader class."""
        if hasattr(reader, "prepare"):
            reader.prepare(config)
        targets = [self.network, TableSettings, reader.settings]
        hyper.fill_defaults(config, targets)
        problems = config.oddities + config.unknown_runner_keys()
        problems += hyper.check(config, targets)
        problems += hyper.check_section(config, "optimizer", DENSE_OPTIMIZERS)
        if "table_optimizer" in config.hyper_parameters:
            problems += hyper.check_section(config, "table_optimizer", OPTIMIZERS)
        elif not problems and config["hyper_parameters.optimizer.class"] not in OPTIMIZERS:
            dense, known = config["hyper_parameters.optimizer.class"], ", ".join(OPTIMIZERS)
            problems.append(f"hyper_parameters.table_optimizer is missing: the table has no {dense}, but {known}")
        return problems

    def build_network(self, config: Config) -> Any:
        """The network, told its hyper-parameters."""
        net = hyper.build(self.network, config)
        self.tasks = tuple(net.tasks)
        return net

    def create_table(self, net: Network, config: Config, place: Any) -> Table:
        """The embedding table that `net` reads, with a row-wise optimizer, where `place` says.

        `hyper_parameters.table_optimizer` configures that; where it is absent, the dense optimizer's settings serve.
        """
        values = config.hyper_parameters
        section = values.get("table_optimizer") or values["optimizer"]
        optimizer = OPTIMIZERS[section["class"]]
        weight = initial_weights(values["sparse_feature_number"], net.embedding_dim, config.runner.seed)
        rule = optimizer(**bind(optimizer, section))
        return HostTable(weight, rule) if isinstance(place, paddle.CPUPlace) else DeviceTable(weight, rule, place)

    def dense_optimizer(self, config: Config, parameters: Any = None) -> Any:
        """The Paddle optimizer of the network's own parameters."""
        section = config.hyper_parameters["optimizer"]
        optimizer = DENSE_OPTIMIZERS[section["class"]]
        # One operator for all parameters instead of one for each, where Paddle has it: in dynamic graph. It expects all
        # of them to have gradients in every step.
        return optimizer(**bind(optimizer, {"use_multi_tensor": True, **section, "parameters": parameters}))

    def create_metrics(self) -> tuple[list[TaskMetrics], list[str]]:
        """One object that counts every task; it names its values itself."""
        return [TaskMetrics(self.tasks)], ["tasks"]


def columns_of(net: Network) -> tuple[str, ...]:
    """The label columns that a network's forward reads."""
    return tuple(getattr(net, "columns", ()))


def predict(net: Network, features: Features, labels: Mapping[str, Any]) -> dict[str, Output]:
    """The network's outputs."""
    names = columns_of(net)
    if not names:
        return net(features)
    check_labels(names, labels)
    return net(features, {name: labels[name] for name in names})  # type: ignore[call-arg]


def losses_by_name(
    net: Network, outputs: Mapping[str, Output], labels: Mapping[str, Any], features: Features
) -> dict[str, Any]:
    """`loss`, which the step minimises, and `loss_<task>` of each trained task.

    Raises:
        UserError: the data lacks a label that the network needs.
    """
    check_labels(getattr(net, "labels", ()), labels)
    parts = net.losses(outputs, labels)
    if hasattr(net, "combine"):
        total = net.combine(parts, labels, features)
    else:
        total = 0.0
        for part in parts.values():
            total = total + part
    return {"loss": total, **{f"loss_{name}": part for name, part in parts.items()}}


def gate_means(net: Network) -> dict[str, Any]:
    """`gate_<name>` of each gate that a network shows: its mean weight for each expert, float [E].

    A network that mixes experts may have a method `gates`, which gives the softmax weights of its last forward by gate,
    float [B, E]. Training watches them for experts that die.
    """
    gates = net.gates() if hasattr(net, "gates") else {}
    return {f"gate_{name}": weights.mean(axis=0) for name, weights in gates.items() if weights.shape[-1] > 1}


def check_labels(needed: Collection[str], labels: Mapping[str, Any]) -> None:
    """Raise UserError if the data lack a label that the network needs."""
    absent = sorted(set(needed) - set(labels))
    if absent:
        raise UserError(
            f"the network needs {', '.join(absent)}, the reader gives {', '.join(labels)}: name the columns in "
            "hyper_parameters.labels (lines of text) or data.labels and data.numbers (a table)"
        )


def probabilities(outputs: Mapping[str, Output]) -> dict[str, Any]:
    """`p<task>` of each output: float [B, 1]."""
    return {f"p{name}": output.value for name, output in outputs.items()}
