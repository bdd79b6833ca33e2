"""Hierarchical sharing: a joint many-task model (Hashimoto et al., EMNLP 2017; Sogaard and Goldberg, ACL 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle
from paddle import nn

from rec.nn.between import PLAIN, Activation, Between
from rec.nn.features import Features
from rec.nn.layers import hidden_layer, side_by_side
from rec.nn.sharing.base import SharingLayer
from rec.nn.sharing.mmoe import Count


class Hierarchical(SharingLayer):
    """A layer per tower, each on top of the one before and of the input: later behaviours are supervised above.

    h_1 = relu(W_1 x), h_t = relu(W_t x + U_t h_(t - 1)); tower t, in the order of declaration, sees h_t.

    Args:
        fc_size: units of each layer.
    """

    def __init__(self, in_features: int, towers: Sequence[str], fc_size: Count, between: Between = PLAIN) -> None:
        super().__init__()
        self.levels = nn.LayerList([Level(in_features, fc_size, i == 0, between) for i in range(len(towers))])
        self.widths = [fc_size] * len(towers)

    def forward(self, x: Features | Any) -> list[Any]:
        levels: list[Any] = []
        for level, hidden in zip(self.levels, side_by_side([level.input for level in self.levels], x), strict=True):
            levels.append(level(hidden, levels[-1] if levels else None))
        return levels


class Level(nn.Layer):
    """relu(W x + U below) from W x, float [B, fc_size]; the first level has no U."""

    def __init__(self, in_features: int, fc_size: int, first: bool, between: Between = PLAIN) -> None:
        super().__init__()
        self.input = hidden_layer(in_features, fc_size, between)
        self.activation = Activation(fc_size, between)
        self.below = None if first else self.create_parameter([fc_size, fc_size])

    def forward(self, hidden: Any, below: Any) -> Any:
        return self.activation(hidden if below is None else hidden + paddle.matmul(below, self.below))
