"""Weights by homoscedastic uncertainty (Kendall et al., CVPR 2018)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import paddle
from paddle import nn


class Uncertainty(nn.Layer):
    """sum_t c_t w_t exp(-s_t) L_t + s_t / 2 with learned s_t = log sigma_t^2, from 0; c_t is 1/2 for squared errors.

    At the best s_t for a given loss, exp(-s_t) c_t w_t L_t = 1/2: each task counts alike, whatever its scale.
    """

    def __init__(self, weights: Mapping[str, float], numbers: Collection[str]) -> None:
        super().__init__()
        self.factors = {name: weight * (0.5 if name in numbers else 1.0) for name, weight in weights.items()}
        self.log_variance = self.create_parameter([len(weights)], default_initializer=nn.initializer.Constant(0.0))

    def forward(self, losses: Mapping[str, Any], *_: Any) -> Any:
        total: Any = 0.0
        for (name, factor), s in zip(self.factors.items(), paddle.unbind(self.log_variance), strict=True):
            total = total + factor * paddle.exp(-s) * losses[name] + s / 2
        return total
