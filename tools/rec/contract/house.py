"""What our models are made of in either graph mode: a network, its table, optimizers and metrics.

A model directory of ours names its network; everything else follows from the config and the network's declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol

import paddle
from pydantic import Field

from rec.config import hyper
from rec.config.bind import bind
from rec.config.config import Config
from rec.metrics.tasks import Task, TaskMetrics
from rec.nn.features import Features
from rec.nn.probability import Probability
from rec.table.device import DeviceTable
from rec.table.host import HostTable
from rec.table.optimizer import OPTIMIZERS
from rec.table.table import Table, initial_weights

DENSE_OPTIMIZERS: dict[str, Callable[..., Any]] = {
    name: getattr(paddle.optimizer, name) for name in ("Adam", "AdamW", "Adagrad", "SGD", "Momentum", "RMSProp")
}


class Network(Protocol):
    """What the contract asks of a network of ours, a `paddle.nn.Layer`.

    Attributes:
        tasks: the probabilities it predicts and the labels they are judged by.
        embedding_dim: width of a table row; `forward` gets F * embedding_dim features.
    """

    tasks: tuple[Task, ...]
    embedding_dim: int

    def __call__(self, features: Features) -> dict[str, Probability]:
        """Probabilities by task name, [B, 1] each."""

    def losses(self, outputs: Mapping[str, Probability], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Mean loss of each trained task, scalars; a step minimises their sum. Labels are float [B, 1] by name."""


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
    """Base of our `DygraphModel` and `StaticModel`; a directory sets `network`."""

    network: ClassVar[Any]

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
        return hyper.build(self.network, config)

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
        return optimizer(**bind(optimizer, {**section, "parameters": parameters}))

    def create_metrics(self) -> tuple[list[TaskMetrics], list[str]]:
        """One object that counts every task; it names its values itself."""
        return [TaskMetrics(self.network.tasks)], ["tasks"]


def losses_by_name(net: Network, outputs: Mapping[str, Probability], labels: Mapping[str, Any]) -> dict[str, Any]:
    """`loss`, which the step minimises, and `loss_<task>` of each trained task."""
    parts = net.losses(outputs, labels)
    total: Any = 0.0
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


def probabilities(outputs: Mapping[str, Probability]) -> dict[str, Any]:
    """`p<task>` of each output: float [B, 1]."""
    return {f"p{name}": output.value for name, output in outputs.items()}
