"""ESMM: Entire Space Multi-Task Model (Ma et al., SIGIR 2018)."""

from collections.abc import Mapping
from typing import Any

from rec.metrics.task import Task
from rec.nn.between import Between, Dropout, Norm
from rec.nn.features import Features
from rec.nn.layers import MLP, Sizes, side_by_side
from rec.nn.masks import mean_loss
from rec.nn.negatives import NegativeRate, among_kept, first_bias
from rec.nn.network import Network
from rec.nn.probability import Probability


class ESMM(Network):
    """Two towers on one embedding table: p(click and conversion) = p(click) p(conversion | click), on all impressions.

    The CVR tower has no loss of its own: it learns through the product, on every impression, so it is right where it
    is used and not only where somebody clicked.

    Args:
        num_field: fields of an impression.
        num_number: fields that are numbers.
        field_dims: fields of other widths than `sparse_feature_dim`, by name.
        sparse_feature_dim: width of an embedding vector.
        ctr_fc_sizes, cvr_fc_sizes: hidden layers of each tower.
        share_embedding: False gives each tower embeddings of its own (the paper's ESMM-NS).
        dropout: share of a hidden layer's units that a step leaves out.
        norm: what a hidden layer's output is brought to mean 0 and variance 1 over, before ReLU.
        negative_rate: follows from data.negative_rate.
    """

    tasks = (
        Task("ctr", "click", truth=("p_click",)),
        Task("cvr", "conversion", among="click", truth=("p_conversion",)),
        Task("ctcvr", "conversion", truth=("p_click", "p_conversion")),
    )

    def __init__(
        self,
        num_field: int,
        sparse_feature_dim: int,
        ctr_fc_sizes: Sizes,
        cvr_fc_sizes: Sizes,
        share_embedding: bool = True,
        num_number: int = 0,
        field_dims: Mapping[str, int] = {},
        dropout: Dropout = 0.0,
        norm: Norm = "none",
        negative_rate: NegativeRate = None,
    ) -> None:
        super().__init__()
        self.dim, self.spaces = sparse_feature_dim, 1 if share_embedding else 2
        self.embedding_dim, self.space_names = self.dim * self.spaces, ("ctr", "cvr")
        width = num_field * self.dim + num_number + sum(field_dims.values())
        self.negative_rate, between = negative_rate, Between(dropout, norm)
        self.ctr = MLP(width, ctr_fc_sizes, between, start=first_bias(negative_rate))
        self.cvr = MLP(width, cvr_fc_sizes, between)

    def forward(self, features: Features) -> dict[str, Probability]:
        """p(click), p(conversion | click) and p(click and conversion), [B, 1] each (the paper's equation 2)."""
        if self.spaces == 1:
            logits = side_by_side([self.ctr, self.cvr], features)
        else:
            of_ctr, of_cvr = features.spaces(self.dim, self.dim)
            logits = [self.ctr(of_ctr), self.cvr(of_cvr)]
        if self.training:
            logits[0] = among_kept(logits[0], self.negative_rate)
        ctr, cvr = (Probability(logit, features.on_host) for logit in logits)
        return {"ctr": ctr, "cvr": cvr, "ctcvr": ctr * cvr}

    def losses(self, outputs: Mapping[str, Probability], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Mean log losses of click and of conversion, each over all impressions that tell it (equation 3)."""
        return {
            "ctr": mean_loss(outputs["ctr"], labels["click"]),
            "ctcvr": mean_loss(outputs["ctcvr"], labels["conversion"]),
        }
