"""AITM: Adaptive Information Transfer Multi-task learning (Xi et al., KDD 2021)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

from rec.nn.between import PLAIN, Between
from rec.nn.features import Features
from rec.nn.hidden import Hidden, Layers
from rec.nn.layers import Linear, side_by_side
from rec.nn.sharing.base import SharingLayer


class AITM(SharingLayer):
    """A bottom per tower, and along the towers' order a transfer of what the one before has learned.

    z_1 = q_1 and z_t = AIT(relu(G_t z_(t - 1)), q_t), where q_t is tower t's own bottom (section 3.2).

    Args:
        fc_sizes: hidden layers of each tower's bottom.
    """

    def __init__(self, in_features: int, towers: Sequence[str], fc_sizes: Layers, between: Between = PLAIN) -> None:
        super().__init__()
        width = fc_sizes[-1]
        self.bottoms = nn.LayerList([Hidden(in_features, fc_sizes, between) for _ in towers])
        self.transfers = nn.LayerList([Linear(width, width) for _ in towers[1:]])
        self.attentions = nn.LayerList([Transfer(width) for _ in towers[1:]])
        self.widths = [width] * len(towers)

    def forward(self, x: Features | Any) -> list[Any]:
        own = side_by_side(list(self.bottoms), x)
        out = own[:1]
        for q, transfer, attention in zip(own[1:], self.transfers, self.attentions, strict=True):
            out.append(attention(F.relu(transfer(out[-1])), q))
        return out


class Transfer(nn.Layer):
    """AIT: sum over u in {p, q} of w_u h1(u), w the softmax over both of <h2(u), h3(u)> / sqrt(k) (equations 3 to 5).

    Takes p and q, float [B, k] each; gives float [B, k].
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value, self.key, self.query = (Linear(width, width) for _ in range(3))
        self.scale = 1.0 / math.sqrt(width)

    def forward(self, p: Any, q: Any) -> Any:
        scores = [(self.key(u) * self.query(u)).sum(axis=1, keepdim=True) * self.scale for u in (p, q)]
        weights = F.softmax(paddle.concat(scores, axis=1), axis=1)
        return weights[:, :1] * self.value(p) + weights[:, 1:] * self.value(q)
