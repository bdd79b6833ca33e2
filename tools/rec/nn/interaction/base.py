"""What networks ask of an interaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paddle import nn

from rec.nn.features import Features


@dataclass(frozen=True)
class Shape:
    """What an interaction sees.

    Attributes:
        num_field, dim: F fields' vectors of D each.
        more: columns beside them.
        towers: how many towers see what it makes.
    """

    num_field: int
    dim: int
    more: int = 0
    towers: int = 1

    @property
    def width(self) -> int:
        """Of the features' matrix."""
        return self.num_field * self.dim + self.more


class Interaction(nn.Layer):
    """Base of the interactions. Forward maps `Features` to what the sharing sees, `Features` or a tensor [B, width].

    Attributes:
        width: of what the sharing sees.
        extra: columns that a table row has behind a field's D; where there are any, forward takes a second argument,
            `Features` of as many columns a field.
        logits: of the last forward what is to be added to the towers' logits, one float [B, towers] or nothing.
    """

    width: int
    extra: int = 0

    def __init__(self) -> None:
        super().__init__()
        self.logits: list[Any] = []  # a tensor itself would be taken for a buffer


class NoInteraction(Interaction):
    """The fields' vectors side by side."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.width = shape.width

    def forward(self, features: Features) -> Features:
        return features
