"""Gates that fields known beforehand set: they scale what the sharing sees and the towers' hidden layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import AfterValidator, Field

from rec.config.parts import Registry
from rec.errors import UserError
from rec.nn.between import Activation, Between
from rec.nn.features import Features
from rec.nn.layers import MLP, Linear, Sizes
from rec.nn.sharing.mmoe import Count

Fields: TypeAlias = Annotated[Sequence[str], Field(min_length=1)]


class PEPNet(nn.Layer):
    """PEPNet (Chang et al., KDD 2023): gates g = 2 sigmoid(W_2 relu(W_1 [prior, sg(x)])), between 0 and 2.

    EPNet: the sharing sees x g, x what the interaction makes of the fields, the prior the vectors of `domain` fields.
    PPNet: the output of layer l of each tower times its part of g_l, the prior those of `personal` fields, with sg of
    what EPNet gives. W_2 and its bias are 0 at first, so that training begins with every gate at 1, the plain network.
    Scaled features are no longer common to the impressions of a user: they are multiplied once per impression.

    Args:
        personal: fields that scale the towers' hidden layers, such as user and item.
        domain: fields that scale what the sharing sees, such as a page or scenario; empty: nothing does.
        fc_size: units of each gate's hidden layer.
    """

    def __init__(
        self, dim: int, width: int, towers: Sequence[str], sizes: Sizes, personal: Fields, domain: Sequence[str] = (),
        fc_size: Count = 32,
    ) -> None:  # fmt: skip
        super().__init__()
        self.dim, self.personal, self.domain = dim, tuple(personal), tuple(domain)
        self.embedding = Gate(len(domain) * dim + width, fc_size, width) if domain else None
        self.layers = nn.LayerList([Gate(len(personal) * dim + width, fc_size, len(towers) * size) for size in sizes])

    def forward(self, features: Features, x: Features | Any, towers: Sequence[GatedTower]) -> Features:
        """What the sharing is to see; each tower is told the gates of its layers for the forward that follows.

        Args:
            features: the fields.
            x: what the interaction makes of them, [B, width].
            towers: T of them.
        """
        x = x.dense() if isinstance(x, Features) else x
        if self.embedding is not None:
            x = x * self.embedding(self._prior(features, self.domain), x)
        prior = self._prior(features, self.personal)
        gates = [paddle.split(gate(prior, x), len(towers), axis=1) for gate in self.layers]
        for at, tower in enumerate(towers):
            tower.be_scaled([each[at] for each in gates])
        return features.of([x], [None], [], {}, ())

    def _prior(self, features: Features, names: Sequence[str]) -> Any:
        """The vectors of some fields, float [B, F * dim]."""
        width = features.field_width // len(features.names)
        return paddle.concat([features.field(name, width)[:, : self.dim] for name in names], axis=1)


class Gate(nn.Layer):
    """2 sigmoid(W_2 relu(W_1 [prior, sg(x)] + b_1) + b_2), float [B, out_features]; 1 at first."""

    def __init__(self, in_features: int, fc_size: int, out_features: int) -> None:
        super().__init__()
        self.hidden, self.out = Linear(in_features, fc_size), Linear(fc_size, out_features, zero=True)

    def forward(self, prior: Any, x: Any) -> Any:
        return 2.0 * F.sigmoid(self.out(F.relu(self.hidden(paddle.concat([prior, x.detach()], axis=1)))))


class GatedTower(MLP):
    """A tower each of whose hidden layers' output is scaled by what `be_scaled` was last told."""

    def __init__(self, in_features: int, sizes: Sizes, between: Between, out_features: int, start: float) -> None:
        super().__init__(in_features, sizes, between, out_features, start)
        self.activations = nn.LayerList([Scaled(width, between) for width in sizes])

    @property
    def fused(self) -> bool:
        """There is more than ReLU between its layers."""
        return not self.hidden

    def be_scaled(self, gates: Sequence[Any]) -> None:
        """Scale by these, float [B, width] of each hidden layer, bottom first."""
        for activation, gate in zip(self.activations, gates, strict=True):
            activation.gate = [gate]  # a tensor itself would be taken for a buffer


class Scaled(Activation):
    """An activation's output times a gate."""

    def __init__(self, width: int, between: Between) -> None:
        super().__init__(width, between)
        self.gate: list[Any] = []

    def forward(self, x: Any) -> Any:
        return super().forward(x) * self.gate[0]


REGISTRY = Registry({"pepnet": PEPNet}, "dim", "width", "towers", "sizes")

Gating: TypeAlias = Annotated[dict[str, Any], AfterValidator(REGISTRY.check)]
"""A section such as `{kind: pepnet, personal: [user, item], domain: [page]}`."""


def build_gating(
    section: Gating | None, dim: int, width: int, towers: Sequence[str], sizes: Sizes, several_spaces: bool
) -> PEPNet | None:
    """The gates of a section; None where there is none.

    Raises:
        UserError: the sharing has embeddings of each tower's own.
    """
    if section is None:
        return None
    if several_spaces:
        raise UserError(
            "hyper_parameters.gating scales embeddings that towers share, and this sharing has some of each tower's "
            "own: choose another sharing, or leave gating out"
        )
    return REGISTRY.build(section, dim=dim, width=width, towers=towers, sizes=sizes)
