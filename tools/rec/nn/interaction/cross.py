"""The cross network of DCN-v2 (Wang et al., WWW 2021)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.features import Features
from rec.nn.interaction.base import Interaction, Shape
from rec.nn.layers import Linear


class Cross(Interaction):
    """x_{l+1} = x_0 * (W_l x_l + b_l) + x_l, elementwise, for the matrix x_0 of the features (equation 1).

    With a `rank`, a mixture of low rank: x_{l+1} = x_l + sum_e G_e(x_l) x_0 * (U_e tanh(C_e tanh(V_e x_l)) + b_l),
    where G is a softmax over experts that all layers share (section 3.2). Shared rows are copied out to the
    impressions.

    Args:
        layers: how many.
        rank: None: W is a full matrix.
        experts: of the mixture.
        structure: stacked: the towers see the last x; parallel: they see it beside the features.
    """

    def __init__(
        self,
        shape: Shape,
        layers: Annotated[int, Field(gt=0)] = 3,
        rank: Annotated[int, Field(gt=0)] | None = None,
        experts: Annotated[int, Field(gt=0)] = 4,
        structure: Literal["stacked", "parallel"] = "stacked",
    ) -> None:
        super().__init__()
        width = shape.width
        self.parallel = structure == "parallel"
        self.width = 2 * width if self.parallel else width
        self.gate = Linear(width, experts) if rank and experts > 1 else None
        self.crosses = nn.LayerList(
            [_LowRank(width, rank, experts) if rank else Linear(width, width) for _ in range(layers)]
        )

    def forward(self, features: Features) -> Any:
        first = x = features.dense()
        for layer in self.crosses:
            if isinstance(layer, Linear):
                x = first * layer(x) + x
            else:
                weights = None if self.gate is None else F.softmax(self.gate(x), axis=1)
                x = x + layer(x, first, weights)
        return features.plus(x) if self.parallel else x


class _LowRank(nn.Layer):
    def __init__(self, width: int, rank: int, experts: int) -> None:
        super().__init__()
        normal = nn.initializer.XavierNormal()
        self.down = self.create_parameter([experts, width, rank], default_initializer=normal)
        self.inner = self.create_parameter([experts, rank, rank], default_initializer=normal)
        self.up = self.create_parameter([experts, rank, width], default_initializer=normal)
        self.bias = self.create_parameter([1, width], is_bias=True)

    def forward(self, x: Any, first: Any, weights: Any) -> Any:
        """The sum over experts, float [B, width]; `weights` [B, experts], None of a single one."""
        hidden = paddle.tanh(paddle.matmul(paddle.unsqueeze(x, 0), self.down))
        made = first * (paddle.matmul(paddle.tanh(paddle.matmul(hidden, self.inner)), self.up) + self.bias)
        if weights is None:
            return made.sum(axis=0)
        return (made * paddle.unsqueeze(paddle.transpose(weights, [1, 0]), 2)).sum(axis=0)
