"""What networks ask of a sharing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import paddle
from paddle import nn


class SharingLayer(nn.Layer):
    """Base of the sharings. Forward gives each tower its input, from `Features` or a tensor [B, in_features].

    Attributes:
        own_spaces: whether each tower has embeddings of its own: forward then takes one `Features` per tower.
        more_spaces: names of embeddings beside these, whose `Features` follow.
        widths: how wide each tower's input is.
        asked: of the last forward in training, by group of experts: how much the gate that wants an expert most wants
            it, float [B, E], softmax weights; empty where there are no gates. An expert that no gate asks is dead.
        weighed: of the last forward in evaluation, by group of experts, what each tower's gate weighs these with, float
            [B, E] each, in the order of the towers; empty where there are no gates.
        expert_names: of the experts by group, where all gates see the same.
    """

    own_spaces: ClassVar[bool] = False
    more_spaces: ClassVar[tuple[str, ...]] = ()
    widths: list[int]

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, Any] = {}
        self.weighed: dict[str, list[Any]] = {}
        self.expert_names: dict[str, list[str]] = {}


def most(gates: Sequence[Any]) -> Any:
    """The largest of several gates' weights for the same experts, float [B, E] each; no gradient passes."""
    largest = gates[0].detach()
    for weights in gates[1:]:
        largest = paddle.maximum(largest, weights.detach())
    return largest
