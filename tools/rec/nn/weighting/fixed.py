"""Weights that the config says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from paddle import nn


class Fixed(nn.Layer):
    """sum_t w_t L_t."""

    def __init__(self, weights: Mapping[str, float], numbers: Collection[str]) -> None:
        super().__init__()
        self.weights = dict(weights)

    def forward(self, losses: Mapping[str, Any], *_: Any) -> Any:
        total: Any = 0.0
        for name, loss in losses.items():
            total = total + self.weights[name] * loss
        return total
