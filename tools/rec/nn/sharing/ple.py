"""CGC and PLE: Progressive Layered Extraction (Tang et al., RecSys 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.between import PLAIN, Between
from rec.nn.features import Features
from rec.nn.hidden import Hidden, Layers
from rec.nn.layers import Linear, each_on
from rec.nn.sharing.base import SharingLayer, most
from rec.nn.sharing.mmoe import Count, mix


class PLE(SharingLayer):
    """Shared experts and experts of each tower, in levels; one level is CGC, customized gate control.

    A tower's gate weighs its own experts and the shared ones; the shared gate, below the last level, weighs all. What
    each level's experts are asked (`asked`) has every tower's own in order, then the shared ones.

    Args:
        num_level: extraction levels.
        num_shared_expert, num_task_expert: experts at each level, shared and per tower.
        fc_sizes: hidden layers of each expert.
    """

    def __init__(
        self,
        in_features: int,
        towers: Sequence[str],
        num_shared_expert: Count,
        num_task_expert: Annotated[int, Field(ge=0)],
        fc_sizes: Layers,
        num_level: Count = 1,
        between: Between = PLAIN,
    ) -> None:
        super().__init__()
        widths = [in_features, *[fc_sizes[-1]] * (num_level - 1)]
        numbers = len(towers), num_shared_expert, num_task_expert
        self.levels = nn.LayerList(
            [Extraction(width, fc_sizes, *numbers, i == num_level - 1, between) for i, width in enumerate(widths)]
        )
        self.widths = [fc_sizes[-1]] * len(towers)

    def forward(self, x: Features | Any) -> list[Any]:
        own, shared = [x] * len(self.widths), x
        for level in self.levels:
            own, shared = level(own, shared)
        if self.training:
            self.asked = {f"level_{index}": level.asked for index, level in enumerate(self.levels)}
        else:
            self.weighed = {f"level_{index}": level.weighed for index, level in enumerate(self.levels)}
        return own


class Extraction(nn.Layer):
    """One level: inputs of the towers and the shared one, [B, in_features] each, to the same of the next level.

    Attributes:
        asked: see `SharingLayer`; set in training.
        weighed: the towers' gates, each over its own experts and then the shared ones; set in evaluation.
    """

    asked: Any
    weighed: list[Any]

    def __init__(
        self, in_features: int, fc_sizes: Layers, num_tower: int, num_shared: int, num_own: int, last: bool,
        between: Between = PLAIN,
    ) -> None:  # fmt: skip
        super().__init__()
        experts = [[Hidden(in_features, fc_sizes, between) for _ in range(num_own)] for _ in range(num_tower)]
        self.own = nn.LayerList([nn.LayerList(group) for group in experts])
        self.shared = nn.LayerList([Hidden(in_features, fc_sizes, between) for _ in range(num_shared)])
        self.gates = nn.LayerList([Linear(in_features, num_own + num_shared) for _ in range(num_tower)])
        self.shared_gate = None if last else Linear(in_features, num_tower * num_own + num_shared)

    def forward(self, own: list[Any], shared: Any) -> tuple[list[Any], Any]:
        stacks = [(expert, shared) for expert in self.shared]
        stacks += [(expert, x) for group, x in zip(self.own, own, strict=True) for expert in group]
        stacks += zip(self.gates, own, strict=True)
        stacks += [] if self.shared_gate is None else [(self.shared_gate, shared)]
        results = iter(each_on(*zip(*stacks, strict=True)))
        general = [next(results) for _ in self.shared]
        special = [[next(results) for _ in group] for group in self.own]
        gates = [F.softmax(scores, axis=-1) for scores in results]
        outputs = [
            mix(weights, paddle.stack([*group, *general], axis=1))
            for weights, group in zip(gates, special, strict=False)  # the shared gate is the last
        ]
        if self.training:
            self.asked = self._asked(gates)
        else:
            self.weighed = gates[: len(self.gates)]
        if self.shared_gate is None:
            return outputs, None
        everyone = [expert for group in special for expert in group] + general
        return outputs, mix(gates[-1], paddle.stack(everyone, axis=1))

    def _asked(self, gates: list[Any]) -> Any:
        """How much each expert is asked, float [B, E], from the softmax weights of the gates, the shared one last."""
        towers = gates[: len(self.gates)]
        num_own = len(self.own[0])
        own = [weights[:, :num_own].detach() for weights in towers] if num_own else []
        asked = paddle.concat([*own, most([weights[:, num_own:] for weights in towers])], axis=1)
        return asked if self.shared_gate is None else most([asked, gates[-1]])
