"""Target attention over a history: deep interest network (Zhou et al., KDD 2018)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.config.interaction import LENGTH
from rec.nn.activation import Dice
from rec.nn.features import Features
from rec.nn.interaction.base import Interaction, Shape
from rec.nn.layers import Linear


class DIN(Interaction):
    """For each history with tokens' vectors k_j and a query field's vector t: sum_j a_j k_j, float [B, D].

    a_j = MLP([t, k_j, t - k_j, t * k_j]) (section 4.3); by default no softmax, so that the sum keeps the interest's
    intensity. Places behind a row's last token weigh 0, and an empty history gives 0. The vectors stand beside the
    fields, the query's own among them. Weights depend on the query, so a history that impressions share is copied out
    to them.

    Args:
        attend: by history the field that asks.
        length: tokens of a history that are attended over, its last ones.
        fc_sizes: hidden layers of the MLP.
        activation: of its hidden layers; Dice is the paper's (section 5.3).
        softmax: whether weights are positive and sum to 1.
    """

    def __init__(
        self,
        shape: Shape,
        attend: Annotated[Mapping[str | int, str | int], Field(min_length=1)],
        length: Annotated[int, Field(gt=0)] = LENGTH,
        fc_sizes: Sequence[Annotated[int, Field(gt=0)]] = (80, 40),
        activation: Literal["dice", "prelu", "sigmoid"] = "dice",
        softmax: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.softmax = shape.dim, softmax
        self.queries = {str(history): str(query) for history, query in attend.items()}
        self.width = shape.width + len(self.queries) * shape.dim
        self.scores = nn.LayerList([_Score(shape.dim, fc_sizes, activation) for _ in self.queries])

    def forward(self, features: Features) -> Features:
        found = []
        for (history, query), score in zip(self.queries.items(), self.scores, strict=True):
            keys, there = features.histories[history].of_impressions()
            weights = score(features.field(query, self.dim), keys, there)
            if self.softmax:
                weights = F.softmax(weights + (there - 1.0) * 1e9, axis=1)
            found.append(paddle.squeeze(paddle.matmul(paddle.unsqueeze(weights * there, 1), keys), 1))
        return features.plus(*found)


class _Score(nn.Layer):
    """An MLP with one output of [t, k_j, t - k_j, t * k_j]: t, float [B, D], and k, [B, L, D], to [B, L].

    Its first layer is (W_1 + W_3) t + (W_2 - W_3) k + W_4 (t * k) with the four blocks W_i of its weight, so that the
    four are never put side by side and t is multiplied once.
    """

    def __init__(self, dim: int, sizes: Sequence[int], activation: str) -> None:
        super().__init__()
        widths = [4 * dim, *sizes]
        self.hidden = nn.LayerList([Linear(a, b) for a, b in zip(widths, sizes, strict=False)])
        made = {"dice": Dice, "prelu": nn.PReLU, "sigmoid": lambda _: nn.Sigmoid()}[activation]
        self.activations = nn.LayerList([made(size) for size in sizes])
        self.out = Linear(widths[-1], 1)

    def forward(self, asks: Any, keys: Any, there: Any) -> Any:
        length, rows = keys.shape[1], paddle.reshape(there, [-1, 1])
        layers = [*self.hidden, self.out]
        x = self._first(layers[0], asks, keys)
        for layer, activation in zip(layers[1:], self.activations, strict=True):
            x = layer(activation(x, rows) if isinstance(activation, Dice) else activation(x))
        return paddle.reshape(x, [-1, length])

    @staticmethod
    def _first(layer: Linear, asks: Any, keys: Any) -> Any:
        """What the first layer makes of them, [B * L, H]."""
        copies = [1, keys.shape[1], 1]
        of_ask, of_key, of_gap, of_product = paddle.split(layer.weight, 4, axis=0)
        asked = paddle.tile(paddle.unsqueeze(paddle.matmul(asks, of_ask + of_gap) + layer.bias, 1), copies)
        products = paddle.tile(paddle.unsqueeze(asks, 1), copies) * keys
        x = paddle.matmul(keys, of_key - of_gap) + paddle.matmul(products, of_product) + asked
        return paddle.reshape(x, [-1, layer.weight.shape[1]])
