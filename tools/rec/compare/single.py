"""A network of one task, of the size of ESMM's towers: what the paper's competitors are made of."""

from collections.abc import Mapping
from typing import Any, Literal

from paddle import nn

from rec.contract import dygraph
from rec.metrics.tasks import Task, TaskMetrics
from rec.nn.features import Features
from rec.nn.layers import MLP, Sizes
from rec.nn.masks import mean_loss
from rec.nn.probability import Probability

Target = Literal["ctr", "cvr", "ctcvr"]
LABELS: dict[Target, str] = {"ctr": "click", "cvr": "conversion", "ctcvr": "conversion"}


class SingleTask(nn.Layer):
    """One tower on an embedding table of its own.

    A CVR net differs from a CTCVR net only by the rows that it is trained on.

    Args:
        num_field: fields of an impression.
        sparse_feature_dim: width of an embedding vector.
        ctr_fc_sizes, cvr_fc_sizes: hidden layers of a CTR net, and of the others.
        target: what it predicts.
    """

    tasks: tuple[Task, ...] = ()

    def __init__(
        self, num_field: int, sparse_feature_dim: int, ctr_fc_sizes: Sizes, cvr_fc_sizes: Sizes, target: Target
    ) -> None:
        super().__init__()
        self.target, self.embedding_dim = target, sparse_feature_dim
        self.tower = MLP(num_field * sparse_feature_dim, ctr_fc_sizes if target == "ctr" else cvr_fc_sizes)

    def forward(self, features: Features) -> dict[str, Probability]:
        """The target's probability, [B, 1]."""
        return {self.target: Probability(self.tower(features))}

    def losses(self, outputs: Mapping[str, Probability], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Mean log loss over the rows that tell the label."""
        return {self.target: mean_loss(outputs[self.target], labels[LABELS[self.target]])}


class SingleTaskModel(dygraph.DygraphModel):
    """`SingleTask` in dynamic graph; it counts no metrics while it trains."""

    network = SingleTask

    def create_metrics(self) -> tuple[list[TaskMetrics], list[str]]:
        return [TaskMetrics(())], ["tasks"]
