"""STEM: Shared and Task-specific EMbeddings (Su et al., AAAI 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

from rec.errors import UserError
from rec.nn.between import PLAIN, Between
from rec.nn.features import Features
from rec.nn.hidden import Hidden, Layers
from rec.nn.layers import Linear, each_on
from rec.nn.sharing.base import SharingLayer, most
from rec.nn.sharing.mmoe import Count, mix


class STEM(SharingLayer):
    """Each tower has embeddings and experts of its own beside shared ones; it looks at the others', and leaves them.

    With x_t the embeddings of tower t, x_s the shared ones and G_t = softmax(W_t (x_t + x_s) + b_t), tower t sees

        sum_i G_ti E_i,   E: own experts of x_t, shared experts of x_s, and sg(.) of the other towers' experts of theirs

    so that a tower's loss reaches its own rows of the table and the shared ones, and no other tower's. A row holds
    (towers + 1) vectors of a field. One level, as in the published configurations.

    Args:
        num_shared_expert, num_task_expert: experts, shared and per tower.
        fc_sizes: hidden layers of each expert.
    """

    own_spaces = True
    more_spaces = ("shared",)

    def __init__(
        self, in_features: int, towers: Sequence[str], num_shared_expert: Count, num_task_expert: Count,
        fc_sizes: Layers, between: Between = PLAIN,
    ) -> None:  # fmt: skip
        super().__init__()
        if "shared" in towers:
            raise UserError(
                "hyper_parameters.behaviours.shared: stem calls the embeddings of all towers so; choose another name"
            )
        experts = [[Hidden(in_features, fc_sizes, between) for _ in range(num_task_expert)] for _ in towers]
        self.own = nn.LayerList([nn.LayerList(group) for group in experts])
        self.shared = nn.LayerList([Hidden(in_features, fc_sizes, between) for _ in range(num_shared_expert)])
        names = [f"{tower} {at + 1}" for tower in towers for at in range(num_task_expert)]
        self.expert_names = {"experts": names + [f"shared {at + 1}" for at in range(num_shared_expert)]}
        self.gates = nn.LayerList([Linear(in_features, len(self.expert_names["experts"])) for _ in towers])
        self.widths = [fc_sizes[-1]] * len(towers)

    def forward(self, spaces: Sequence[Features | Any]) -> list[Any]:
        *own, general = spaces
        stacks = [(expert, x) for group, x in zip(self.own, own, strict=True) for expert in group]
        stacks += [(expert, general) for expert in self.shared]
        stacks += zip(self.gates, own, strict=True)
        results = each_on(*zip(*stacks, strict=True))
        experts, scores = results[: -len(self.gates)], results[-len(self.gates) :]
        gates = [
            F.softmax(score + general.matmul(gate.weight), axis=-1)
            for score, gate in zip(scores, self.gates, strict=True)
        ]
        if self.training:
            self.asked = {"experts": self._asked(gates)}
        else:
            self.weighed = {"experts": gates}
        return [mix(weights, paddle.stack(self._seen(tower, experts), axis=1)) for tower, weights in enumerate(gates)]

    def _seen(self, tower: int, experts: list[Any]) -> list[Any]:
        """The experts as a tower sees them: no gradient passes to the other towers'."""
        count = len(self.own[0])
        others = set(range(count * len(self.own))) - set(range(count * tower, count * (tower + 1)))
        return [expert.detach() if at in others else expert for at, expert in enumerate(experts)]

    def _asked(self, gates: list[Any]) -> Any:
        """How much each expert is asked by those that train it, float [B, E]: a tower's own by its gate alone."""
        count = len(self.own[0])
        own = [weights[:, count * at : count * (at + 1)].detach() for at, weights in enumerate(gates)]
        return paddle.concat([*own, most([weights[:, count * len(gates) :] for weights in gates])], axis=1)
