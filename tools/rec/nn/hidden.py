"""Hidden layers without a logit on top: bottoms and experts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, TypeAlias

from paddle import nn
from pydantic import Field

from rec.nn.between import PLAIN, Activation, Between
from rec.nn.layers import Linear, Stack, hidden_layer

Layers: TypeAlias = Annotated[Sequence[Annotated[int, Field(gt=0)]], Field(min_length=1)]
"""Units of each hidden layer, bottom first; at least one layer."""


class Hidden(Stack):
    """Layers of `sizes` units with ReLU, bottom first, on `Features` or a tensor [B, in_features].

    `between`: what follows each layer beside ReLU.

    Returns of forward: float [B, sizes[-1]].
    """

    def __init__(self, in_features: int, sizes: Layers, between: Between = PLAIN) -> None:
        super().__init__()
        self.between = between
        self.layers = nn.LayerList([hidden_layer(a, b, between) for a, b in pairwise([in_features, *sizes])])
        self.activations = nn.LayerList([Activation(width, between) for width in sizes])

    @property
    def linears(self) -> list[Linear]:
        return list(self.layers)

    def top(self, x: Any) -> Any:
        return self.activations[-1](x)
