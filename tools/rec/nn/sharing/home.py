"""HoME: Hierarchy of Multi-gate Experts (Wang et al., Kuaishou, 2024; arXiv 2408.05430)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.errors import UserError
from rec.nn.between import PLAIN, Between
from rec.nn.features import Features
from rec.nn.hidden import Hidden, Layers
from rec.nn.layers import Linear
from rec.nn.sharing.base import SharingLayer, most
from rec.nn.sharing.mmoe import Count, mix

Groups: TypeAlias = Sequence[Annotated[Sequence[str], Field(min_length=1)]]
"""Towers that belong together."""


class HoME(SharingLayer):
    """Towers in groups: experts first make an input of each group and a shared one, then each tower's.

    With x the embeddings, M_g, M_s experts of group g and shared ones, and T_t, T_g, T_s those of the second level,

        z_g = gate over {M_g(x), M_s(x)},   z_s = gate over all M(x)
        tower t of group g sees its gate over {T_t(z_g), T_g(z_g), T_s(z_s)}, the gate of [z_g, z_s]

    A gate is a softmax over these experts, to which it adds a softmax over its own ones alone (the self gate; a sigmoid
    where there is one), so that these are trained whatever the others promise. See `Expert` for what an expert is.
    From the paper's text; no code of its authors was at hand, and a self gate of z_s is our reading.

    Args:
        num_shared_expert, num_group_expert, num_task_expert: experts of each kind, the first two at both levels.
        fc_sizes: hidden layers of each expert.
        groups: the towers of each group; empty: all are of one.
        rank: of the feature gates.
    """

    def __init__(
        self, in_features: int, towers: Sequence[str], num_shared_expert: Count, num_group_expert: Count,
        num_task_expert: Count, fc_sizes: Layers, groups: Groups = (), rank: Count = 8, between: Between = PLAIN,
    ) -> None:  # fmt: skip
        super().__init__()
        groups = groups or [list(towers)]
        if sorted(name for group in groups for name in group) != sorted(towers):
            raise UserError(
                "hyper_parameters.sharing.groups should have each tower in one group: there are "
                f"{', '.join(towers)}, got {[list(group) for group in groups]}"
            )
        self.group_of = [next(at for at, group in enumerate(groups) if name in group) for name in towers]
        width, count = fc_sizes[-1], len(groups)
        titles = [f"group {at + 1}" for at in range(count)]
        counts = [num_group_expert] * count + [num_shared_expert]
        self.first = Level([*titles, "shared"], counts, in_features, fc_sizes, rank, between)
        counts = [num_task_expert] * len(towers) + counts
        self.second = Level([*towers, *titles, "shared"], counts, width, fc_sizes, rank, between)
        self.group_gates = nn.LayerList([Gate(in_features, self.first.of(at, count)) for at in range(count)])
        self.shared_gate = Gate(in_features, self.first.of(count, *range(count)))
        last = len(towers) + count
        self.gates = nn.LayerList(
            [Gate(2 * width, self.second.of(t, len(towers) + g, last)) for t, g in enumerate(self.group_of)]
        )
        self.expert_names = {"groups": self.first.names, "towers": self.second.names}
        self.widths = [width] * len(towers)

    def forward(self, x: Features | Any) -> list[Any]:
        x = x.dense() if isinstance(x, Features) else x
        below = self.first([x] * (len(self.group_gates) + 1))
        groups = [gate(x, below) for gate in self.group_gates]
        shared = self.shared_gate(x, below)
        own = [groups[group] for group in self.group_of]
        above = self.second([*own, *groups, shared])
        outputs = [gate(paddle.concat([z, shared], axis=1), above) for gate, z in zip(self.gates, own, strict=True)]
        if self.training:
            first = most([*(gate.over(len(below)) for gate in self.group_gates), self.shared_gate.over(len(below))])
            self.asked = {"groups": first, "towers": most([gate.over(len(above)) for gate in self.gates])}
        else:
            over = [gate.over(len(below)) for gate in self.group_gates]
            self.weighed = {
                "groups": [over[group] for group in self.group_of],
                "towers": [gate.over(len(above)) for gate in self.gates],
            }
        return outputs


class Level(nn.Layer):
    """The experts of several owners, `counts` of each, in turn.

    Attributes:
        names: of each expert.
    """

    def __init__(
        self, owners: Sequence[str], counts: Sequence[int], in_features: int, fc_sizes: Layers, rank: int,
        between: Between,
    ) -> None:  # fmt: skip
        super().__init__()
        self.owner = [at for at, count in enumerate(counts) for _ in range(count)]
        self.names = [f"{owner} {at + 1}" for owner, count in zip(owners, counts, strict=True) for at in range(count)]
        self.experts = nn.LayerList([Expert(in_features, fc_sizes, rank, between) for _ in self.owner])

    def of(self, first: int, *others: int) -> tuple[list[int], int]:
        """The experts of some owners, those of the first one first, and how many are that one's."""
        chosen = [at for each in (first, *others) for at, owner in enumerate(self.owner) if owner == each]
        return chosen, self.owner.count(first)

    def forward(self, inputs: Sequence[Any]) -> list[Any]:
        """What each expert makes of its owner's input: float [B, H] each."""
        return [expert(inputs[owner]) for expert, owner in zip(self.experts, self.owner, strict=True)]


class Expert(nn.Layer):
    """Layers with norm and Swish on x * 2 sigmoid(x A B), a feature gate of low rank of its own; float [B, H].

    The norm is the batch's where the config asks for none. B is 0 at first, so that every feature passes as it is.
    """

    def __init__(self, in_features: int, fc_sizes: Layers, rank: int, between: Between) -> None:
        super().__init__()
        norm = "batch" if between.norm == "none" else between.norm
        self.layers = Hidden(in_features, fc_sizes, replace(between, norm=norm, activation="swish"))
        self.down = self.create_parameter([in_features, rank], default_initializer=nn.initializer.XavierUniform())
        self.up = self.create_parameter([rank, in_features], default_initializer=nn.initializer.Constant(0.0))

    def forward(self, x: Any) -> Any:
        gate = 2.0 * F.sigmoid(paddle.matmul(paddle.matmul(x, self.down), self.up))
        return self.layers(x * gate)


class Gate(nn.Layer):
    """Chosen experts weighed by a softmax, and once more its own ones alone, which come first: float [B, H]."""

    def __init__(self, in_features: int, experts: tuple[list[int], int]) -> None:
        super().__init__()
        self.chosen, self.count = experts
        self.all = Linear(in_features, len(self.chosen))
        self.own = Linear(in_features, self.count)
        self.weights: dict[str, Any] = {}

    def forward(self, x: Any, experts: Sequence[Any]) -> Any:
        seen = [experts[at] for at in self.chosen]
        weights, own = F.softmax(self.all(x), axis=-1), self.own(x)
        own = F.sigmoid(own) if self.count == 1 else F.softmax(own, axis=-1)
        self.weights = {"all": weights}  # a tensor itself would be taken for a buffer
        return mix(weights, paddle.stack(seen, axis=1)) + mix(own, paddle.stack(seen[: self.count], axis=1))

    def over(self, count: int) -> Any:
        """The softmax weights of the last forward over all experts of the level, float [B, count], 0 of others'."""
        weights = self.weights["all"]
        columns = {at: weights[:, i : i + 1] for i, at in enumerate(self.chosen)}
        nothing = paddle.zeros_like(weights[:, :1])
        return paddle.concat([columns.get(at, nothing) for at in range(count)], axis=1)
