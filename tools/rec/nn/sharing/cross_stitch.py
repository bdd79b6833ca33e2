"""Cross-stitch networks (Misra et al., CVPR 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
import paddle
from paddle import nn
from pydantic import Field

from rec.nn.between import PLAIN, Activation, Between
from rec.nn.features import Features
from rec.nn.hidden import Layers
from rec.nn.layers import each_on, hidden_layer
from rec.nn.sharing.base import SharingLayer
from rec.numeric import Array


class CrossStitch(SharingLayer):
    """A bottom per tower; after each layer, tower t goes on with sum_s A[t, s] h_s, A learned (equation 1).

    Args:
        fc_sizes: units of each layer of each tower's bottom.
        own_share: what A holds at first on its diagonal; the rest of 1 is spread over the other towers.
    """

    def __init__(
        self,
        in_features: int,
        towers: Sequence[str],
        fc_sizes: Layers,
        own_share: Annotated[float, Field(ge=0, le=1)] = 0.9,
        between: Between = PLAIN,
    ) -> None:
        super().__init__()
        count = len(towers)
        start = np.full((count, count), (1 - own_share) / max(count - 1, 1), np.float32)
        np.fill_diagonal(start, own_share if count > 1 else 1.0)
        self.layers = nn.LayerList([Stitched(a, b, start, between) for a, b in pairwise([in_features, *fc_sizes])])
        self.widths = [fc_sizes[-1]] * count

    def forward(self, x: Features | Any) -> list[Any]:
        inputs = [x] * len(self.widths)
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs


class Stitched(nn.Layer):
    """A layer of each tower and the mixture that follows it; `start` float [T, T] is the mixture at first."""

    def __init__(self, in_features: int, out_features: int, start: Array, between: Between = PLAIN) -> None:
        super().__init__()
        self.own = nn.LayerList([hidden_layer(in_features, out_features, between) for _ in start])
        self.activations = nn.LayerList([Activation(out_features, between) for _ in start])
        self.mixture = self.create_parameter(list(start.shape), default_initializer=nn.initializer.Assign(start))

    def forward(self, inputs: list[Any]) -> list[Any]:
        outputs = each_on(list(self.own), inputs)
        hidden = [activation(x) for activation, x in zip(self.activations, outputs, strict=True)]
        return list(paddle.unbind(paddle.matmul(self.mixture, paddle.stack(hidden, axis=1)), axis=1))
