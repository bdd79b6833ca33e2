"""What our models are made of in either graph mode: a network, its table, optimizers and metrics.

A model directory of ours names its network; everything else follows from the config and the network's declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import paddle
from pydantic import Field

from rec.calibration.calibration import Calibration
from rec.config import hyper
from rec.config.bind import bind
from rec.config.config import Config
from rec.config.schedule import first_rate
from rec.data.batch import Bags, Batch
from rec.data.reader import Block
from rec.data.table_rows import TableRows
from rec.distributed.ranks import here
from rec.errors import UserError
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics
from rec.nn.features import Features, History, expand
from rec.nn.network import Network, Output
from rec.numeric import Array
from rec.table.build import build_table
from rec.table.decay import row_rule
from rec.table.optimizer import OPTIMIZERS
from rec.table.table import Table

DENSE_OPTIMIZERS: dict[str, Callable[..., Any]] = {
    name: getattr(paddle.optimizer, name) for name in ("Adam", "AdamW", "Adagrad", "SGD", "Momentum", "RMSProp")
}


@dataclass(frozen=True)
class TableSettings:
    """The embedding table's hyper-parameters, under PaddleRec's names.

    Attributes:
        sparse_feature_number: V; ids are 0 to V - 1. None: the reader says, from its data.
        sparse_feature_dim: D, the width of an embedding vector.
    """

    sparse_feature_dim: Annotated[int, Field(gt=0)]
    sparse_feature_number: Annotated[int, Field(gt=0)] | None = None


class NativeModel:
    """Base of our `DygraphModel` and `StaticModel`.

    Attributes:
        network: the class of the network.
        tasks: those of the network built last.
        calibration: what evaluation does to predictions before they are counted; None: nothing.
    """

    network: ClassVar[type[Network]]
    tasks: tuple[Task, ...] = ()
    calibration: Calibration | None = None

    def build_network(self, config: Config) -> Any:
        """The network, told its hyper-parameters."""
        net = hyper.build(self.network, config)
        self.tasks = tuple(net.tasks)
        return net

    def create_table(self, net: Network, config: Config, rows: TableRows, place: Any) -> Table:
        """The embedding table that `net` reads, with a row-wise optimizer, where `place` says.

        `hyper_parameters.table_optimizer` configures that; where it is absent, the dense optimizer's settings serve.
        """
        values, runner = config.hyper_parameters, config.runner
        rule = partial(row_rule, values["optimizer"], values.get("table_optimizer"))
        return build_table(rows, net.embedding_dim, net.spaces, rule, runner.seed, place, runner.table == "sharded")

    def dense_optimizer(self, config: Config, parameters: Any = None) -> Any:
        """The Paddle optimizer of the network's own parameters."""
        # As floats, for Paddle refuses a learning rate of 1.
        given = dict(config.hyper_parameters["optimizer"])
        if "learning_rate" in given:
            given["learning_rate"] = first_rate(given["learning_rate"])
        section = {key: float(value) if key in hyper.NUMBERS else value for key, value in given.items()}
        optimizer = DENSE_OPTIMIZERS[given["class"]]
        # One operator for all parameters instead of one for each, where Paddle has it: in dynamic graph. It expects all
        # of them to have gradients in every step.
        return optimizer(**bind(optimizer, {"use_multi_tensor": True, **section, "parameters": parameters}))

    def calibrated(self, predicted: dict[str, Array], batch: Batch) -> dict[str, Array]:
        """Outputs by name, [B, 1], with the probabilities calibrated where there is a calibration."""
        return predicted if self.calibration is None else self.calibration(predicted, batch)

    def create_metrics(self) -> tuple[list[TaskMetrics], list[str]]:
        """One object that counts every task; it names its values itself."""
        return [TaskMetrics(self.tasks)], ["tasks"]


def check(config: Config, targets: list[Callable[..., Any]]) -> list[str]:
    """Everything wrong with the config's runner keys and hyper-parameters for these targets: network, table, reader."""
    problems = [*config.warnings, *config.unknown_runner_keys()]
    problems += hyper.check(config, targets)
    problems += hyper.check_section(config, "optimizer", DENSE_OPTIMIZERS)
    if "table_optimizer" in config.hyper_parameters:
        problems += hyper.check_section(config, "table_optimizer", OPTIMIZERS)
    elif not problems and config["hyper_parameters.optimizer.class"] not in OPTIMIZERS:
        dense, known = config["hyper_parameters.optimizer.class"], ", ".join(OPTIMIZERS)
        problems.append(f"hyper_parameters.table_optimizer is missing: the table has no {dense}, but {known}")
    return problems


def features_of(
    blocks: Sequence[Bags | Block],
    vectors: Sequence[Any],
    row_index: Sequence[Any],
    lengths: Sequence[Any],
    numbers: Any = None,
    on_host: bool = False,
) -> Features:
    """The features of blocks of fields, from what was pulled for each of them.

    Args:
        blocks: what they are.
        vectors: float32 [R, F * D] each.
        row_index: int [B], or None where impression b is row b.
        lengths: of sequences int64 [R], tokens in each row; one that is pooled by its largest becomes a field.
        numbers: float32 [B, N], or None.
        on_host: as in `Features`.
    """
    histories: dict[str, History] = {}
    fields: list[tuple[Any, Any]] = []
    names: list[str] = []
    more = [] if numbers is None else [numbers]
    for at, block in enumerate(blocks):
        found = vectors[at]
        if block.sequence:
            shape = [-1, block.num_field, int(found.shape[1]) // block.num_field]
            history = History(paddle.reshape(found, shape), lengths[at], row_index[at])
            if not block.largest:
                histories[block.fields[0]] = history
                continue
            found = history.largest()
        if block.dim:
            more.append(expand(found, row_index[at]))
        else:
            fields.append((found, row_index[at]))
            names += block.fields
    return Features(
        [found for found, _ in fields], [rows for _, rows in fields], on_host, more, histories, names, vectors
    )


def predict(net: Network, features: Features, labels: Mapping[str, Any]) -> dict[str, Output]:
    """The network's outputs by task name."""
    if not net.columns:
        return net(features)
    check_labels(net.columns, labels)
    return net(features, {name: labels[name] for name in net.columns})


def losses_by_name(
    net: Network, outputs: Mapping[str, Output], labels: Mapping[str, Any], features: Features
) -> dict[str, Any]:
    """`loss`, which the step minimises, and `loss_<task>` of each trained task.

    Raises:
        UserError: the data lacks a label that the network needs.
    """
    check_labels(net.needed_labels, labels)
    parts = net.losses(outputs, labels)
    named = {f"loss_{name}": part for name, part in parts.items()}
    return {"loss": net.combine(parts, labels, features), **named}


def check_labels(needed: Collection[str], labels: Mapping[str, Any]) -> None:
    """Raise UserError if the data lack a label that the network needs."""
    absent = sorted(set(needed) - set(labels))
    if absent:
        raise UserError(
            f"the network needs {', '.join(absent)}, the reader gives {', '.join(labels)}: name the columns in "
            "data.labels and data.numbers (a table), or prepare data that have them"
        )


def probabilities(outputs: Mapping[str, Output]) -> dict[str, Any]:
    """`p<task>` of each output: float [B, 1]."""
    return {f"p{name}": output.value for name, output in outputs.items()}


def count(metrics: TaskMetrics, predicted: Mapping[str, Any], batch: Batch) -> None:
    """Add a batch's predictions (`p<task>`: [B, 1]) to the metrics of the tasks whose labels it tells."""
    if here().rank:  # the first trainer counts everybody's
        return
    check_labels([name for task in metrics.tasks for name in (task.label, task.among) if name], batch.told)
    scores = {task.name: batch.counted(predicted[f"p{task.name}"].reshape(-1)) for task in metrics.tasks}
    metrics.update(scores, {name: batch.counted(label) for name, label in batch.told.items()})
