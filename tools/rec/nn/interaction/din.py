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
        self.scores = nn.LayerList([_Score(4 * shape.dim, fc_sizes, activation) for _ in self.queries])

    def forward(self, features: Features) -> Features:
        found = []
        for (history, query), score in zip(self.queries.items(), self.scores, strict=True):
            keys, there = features.histories[history].of_impressions()
            asks = paddle.tile(paddle.unsqueeze(features.field(query, self.dim), 1), [1, keys.shape[1], 1])
            weights = score(paddle.concat([asks, keys, asks - keys, asks * keys], axis=2), there)
            if self.softmax:
                weights = F.softmax(weights + (there - 1.0) * 1e9, axis=1)
            found.append((paddle.unsqueeze(weights * there, 2) * keys).sum(axis=1))
        return features.plus(*found)


class _Score(nn.Layer):
    """An MLP with one output: float [B, L, w] to [B, L]."""

    def __init__(self, width: int, sizes: Sequence[int], activation: str) -> None:
        super().__init__()
        widths = [width, *sizes]
        self.hidden = nn.LayerList([Linear(a, b) for a, b in zip(widths, sizes, strict=False)])
        made = {"dice": Dice, "prelu": nn.PReLU, "sigmoid": lambda _: nn.Sigmoid()}[activation]
        self.activations = nn.LayerList([made(size) for size in sizes])
        self.out = Linear(widths[-1], 1)

    def forward(self, x: Any, there: Any) -> Any:
        length, rows = x.shape[1], paddle.reshape(there, [-1, 1])
        x = paddle.reshape(x, [-1, x.shape[2]])
        for layer, activation in zip(self.hidden, self.activations, strict=True):
            x = layer(x)
            x = activation(x, rows) if isinstance(activation, Dice) else activation(x)
        return paddle.reshape(self.out(x), [-1, length])
