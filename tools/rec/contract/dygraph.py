"""PaddleRec's dynamic contract, implemented once for our networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rec.config.config import Config
from rec.contract.house import (
    HouseModel,
    Network,
    check_labels,
    gate_means,
    losses_by_name,
    predict,
    probabilities,
)
from rec.data.batch import Batch
from rec.metrics.tasks import TaskMetrics
from rec.nn.features import Features


@dataclass(frozen=True)
class Inputs:
    """A batch on the device: what a network and its loss read, and the host's batch it was made from."""

    features: Features
    labels: dict[str, Any]
    batch: Batch


class DygraphModel(HouseModel):
    """The `DygraphModel` of a model directory of ours: `class DygraphModel(dygraph.DygraphModel): network = ESMM`."""

    def create_model(self, config: Config) -> Any:
        """The network."""
        return self.build_network(config)

    def create_optimizer(self, dy_model: Any, config: Config) -> Any:
        """The optimizer of the network's parameters; the table has its own."""
        return self.dense_optimizer(config, dy_model.parameters())

    def train_forward(
        self, dy_model: Network, metrics: list[TaskMetrics], batch: Inputs, config: Config
    ) -> tuple[Any, list[TaskMetrics], dict[str, Any]]:
        """Loss to minimise, metrics with this batch counted, and the losses to show and gates to watch."""
        outputs = predict(dy_model, batch.features, batch.labels)
        losses = losses_by_name(dy_model, outputs, batch.labels, batch.features)
        count(metrics[0], {name: p.numpy() for name, p in probabilities(outputs).items()}, batch.batch)
        return losses["loss"], metrics, losses | gate_means(dy_model)

    def infer_forward(
        self, dy_model: Network, metrics: list[TaskMetrics], batch: Inputs, config: Config
    ) -> tuple[list[TaskMetrics], dict[str, Any]]:
        """Metrics with this batch counted, and each task's prediction, [B, 1]."""
        outputs = predict(dy_model, batch.features, batch.labels)
        predicted = {name: p.numpy() for name, p in probabilities(outputs).items()}
        count(metrics[0], predicted, batch.batch)
        return metrics, predicted


def count(metrics: TaskMetrics, predicted: Mapping[str, Any], batch: Batch) -> None:
    """Add a batch's predictions (`p<task>`: [B, 1]) to the metrics of the tasks whose labels it tells."""
    check_labels([name for task in metrics.tasks for name in (task.label, task.among) if name], batch.labels)
    scores = {task.name: batch.counted(predicted[f"p{task.name}"].reshape(-1)) for task in metrics.tasks}
    metrics.update(scores, {name: batch.counted(label) for name, label in batch.labels.items()})
