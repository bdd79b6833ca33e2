"""A shallow tower for position bias (Zhao et al., RecSys 2019, section 4.3)."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

from rec.nn.features import Features
from rec.nn.layers import Linear


class ShallowTower(nn.Layer):
    """A logit of the position's embedding, float [B, dim], added to another tower's in training; absent in serving.

    Args:
        dropout: share of exposures whose position is hidden in training, so that the rest learns to do without.
    """

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.logit, self.dropout = Linear(dim, 1), dropout

    def forward(self, position: Any) -> Any:
        if self.training:
            # One draw per exposure: all of its position or nothing, and unscaled, since serving has none at all.
            shown = paddle.ones_like(position[:, :1]).detach()
            position = position * F.dropout(shown, self.dropout, mode="downscale_in_infer")
        return self.logit(position)


def split_field(features: Features, index: int, dim: int) -> tuple[Any, Features]:
    """Field `index`'s vector, float [B, dim], and the features without it."""
    dense = features.dense()
    start, stop = index * dim, (index + 1) * dim
    others = [part for part in (dense[:, :start], dense[:, stop:]) if part.shape[1]]
    return dense[:, start:stop], Features([paddle.concat(others, axis=1)], [None], features.on_host)
