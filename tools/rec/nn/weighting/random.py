"""Random loss weighting (Lin et al., TMLR 2022)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it


class RandomWeights(nn.Layer):
    """sum_t a_t w_t L_t with a = T softmax(z), z ~ N(0, 1) of T numbers, drawn anew in each step: the baseline that a
    weighting has to beat."""

    def __init__(self, weights: Mapping[str, float], numbers: Collection[str]) -> None:
        super().__init__()
        self.weights = dict(weights)

    def forward(self, losses: Mapping[str, Any], *_: Any) -> Any:
        drawn = len(losses) * F.softmax(paddle.randn([len(losses)]), axis=0)
        return (drawn * paddle.stack([self.weights[name] * loss for name, loss in losses.items()])).sum()
