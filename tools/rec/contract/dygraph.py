"""PaddleRec's dynamic contract, implemented once for our networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rec.config.config import Config
from rec.contract.native import NativeModel, count, losses_by_name, predict, probabilities
from rec.contract.shown import losses_again, shown
from rec.data.batch import Batch
from rec.metrics.tasks import TaskMetrics
from rec.nn.features import Features
from rec.nn.gathered import gathered
from rec.nn.network import Network


@dataclass(frozen=True)
class Inputs:
    """A batch on the device: what a network and its loss read, and the host's batch it was made from.

    Attributes:
        told: the labels that the losses see, of all trainers.
        vectors: what was pulled from the table, a tensor for each of the batch's bags.
        later: work on the host that waits until the table's update is under way, beside which there is time for it.
    """

    features: Features
    labels: dict[str, Any]
    told: dict[str, Any]
    batch: Batch
    vectors: list[Any]
    later: list[Callable[[], None]] = field(default_factory=list)

    def work(self) -> None:
        """Do what was left for later."""
        for each in self.later:
            each()


class DygraphModel(NativeModel):
    """The `DygraphModel` of a model directory of ours: `class DygraphModel(dygraph.DygraphModel): network = ESMM`."""

    def create_model(self, config: Config) -> Any:
        """The network."""
        return self.build_network(config)

    def create_optimizer(self, dy_model: Any, config: Config) -> Any:
        """The optimizer of the network's parameters; the table has its own."""
        return self.dense_optimizer(config, dy_model.trained())

    def train_forward(
        self, dy_model: Network, metrics: list[TaskMetrics], batch: Inputs, config: Config
    ) -> tuple[Any, list[TaskMetrics], dict[str, Any]]:
        """Loss to minimise, metrics that count this batch later, and what to show."""
        outputs = gathered(predict(dy_model, batch.features, batch.labels))
        losses = losses_by_name(dy_model, outputs, batch.told, batch.features)
        predicted = probabilities(outputs)
        batch.later.append(lambda: count(metrics[0], _on_host(predicted), batch.batch))
        return losses["loss"], metrics, shown(config, dy_model, outputs, batch.told, losses, batch.features)

    def losses_again(self, dy_model: Network, batch: Inputs) -> dict[str, Any]:
        """`loss_<task>` of each trained task, after a step."""
        return _on_host(losses_again(dy_model, batch.features, batch.labels, batch.told))

    def infer_forward(
        self, dy_model: Network, metrics: list[TaskMetrics], batch: Inputs, config: Config
    ) -> tuple[list[TaskMetrics], dict[str, Any]]:
        """Metrics with this batch counted, and each task's prediction, [B, 1]."""
        predicted = _on_host(probabilities(predict(dy_model, batch.features, batch.labels)))
        predicted = self.calibrated(predicted, batch.batch)
        count(metrics[0], predicted, batch.batch)
        return metrics, predicted


def _on_host(predicted: dict[str, Any]) -> dict[str, Any]:
    return {name: p.numpy() for name, p in predicted.items()}
