"""MMoE: Multi-gate Mixture-of-Experts (Ma et al., KDD 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.between import PLAIN, Between
from rec.nn.features import Features
from rec.nn.hidden import Hidden, Layers
from rec.nn.layers import Linear, side_by_side
from rec.nn.sharing.base import SharingLayer, most

Count = Annotated[int, Field(gt=0)]


class MMoE(SharingLayer):
    """Tower t sees the sum of the experts weighted by its gate: sum_i softmax(W_t x)_i f_i(x) (equations 5 to 7).

    Args:
        num_expert: experts, all shared.
        fc_sizes: hidden layers of each expert.
    """

    def __init__(
        self, in_features: int, towers: Sequence[str], num_expert: Count, fc_sizes: Layers, between: Between = PLAIN
    ) -> None:
        super().__init__()
        self.experts = nn.LayerList([Hidden(in_features, fc_sizes, between) for _ in range(num_expert)])
        self.gates = nn.LayerList([Linear(in_features, num_expert) for _ in towers])
        self.widths = [fc_sizes[-1]] * len(towers)

    def forward(self, x: Features | Any) -> list[Any]:
        outputs = side_by_side([*self.experts, *self.gates], x)
        experts = paddle.stack(outputs[: len(self.experts)], axis=1)
        gates = [F.softmax(scores, axis=-1) for scores in outputs[len(self.experts) :]]
        if self.training:
            self.asked = {"experts": most(gates)}
        else:
            self.weighed = {"experts": gates}
        return [mix(weights, experts) for weights in gates]


def mix(weights: Any, experts: Any) -> Any:
    """Experts [B, n, H] summed with a gate's weights [B, n]: float [B, H]."""
    return (weights.unsqueeze(-1) * experts).sum(axis=1)
