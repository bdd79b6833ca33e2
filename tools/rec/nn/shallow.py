"""A shallow tower for position bias and its like (Zhao et al., RecSys 2019, section 4.3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

from rec.nn.features import Features


class ShallowTower(nn.Layer):
    """Logits of the bias fields' vectors, v W, to be added to other towers' logits in training; absent in serving.

    It has no bias: of an impression whose fields are hidden it says 0, as in serving. So the hidden impressions fix the
    offset between this tower and the others, which the shown ones leave open.

    Args:
        in_features: width of the bias fields' vectors, side by side.
        towers: how many logits it gives.
        dropout: share of impressions whose bias fields are hidden in training, all of an impression's together.
    """

    def __init__(self, in_features: int, towers: int, dropout: float) -> None:
        super().__init__()
        self.weight = self.create_parameter([in_features, towers], default_initializer=nn.initializer.XavierUniform())
        self.dropout = dropout

    def forward(self, vectors: Any) -> Any:
        """float [B, in_features] to float [B, towers]."""
        if self.training:
            # One draw per impression: all of its fields or nothing, and unscaled, since serving has none at all.
            shown = paddle.ones_like(vectors[:, :1]).detach()
            vectors = vectors * F.dropout(shown, self.dropout, mode="downscale_in_infer")
        return paddle.matmul(vectors, self.weight)


def split_fields(features: Features, indices: Collection[int], dim: int) -> tuple[Any, Features]:
    """Some fields' vectors side by side, float [B, len(indices) * dim], in the order of the features; and the others.

    `indices` are numbers of fields in the features' order.

    The others' blocks stay what they are, if each keeps a field: a row that impressions share is multiplied once.
    """
    if any(set(fields) <= set(indices) for fields in features.places(dim)):
        # In an exported program every input has to have a part in the outputs.
        features = features.of([paddle.flatten(features.vectors(dim), 1)], [None])
    taken, blocks = [], []
    for block, rows, fields in zip(features.fields, features.field_rows, features.places(dim), strict=True):
        if set(fields) & set(indices):
            parts = dict(zip(fields, paddle.split(block, len(fields), axis=1), strict=True))
            taken += [part if rows is None else paddle.gather(part, rows) for i, part in parts.items() if i in indices]
            block = paddle.concat([part for i, part in parts.items() if i not in indices], axis=1)
        blocks.append(block)
    names = [name for place, name in enumerate(features.names) if place not in indices]
    return paddle.concat(taken, axis=1), features.of(blocks, features.field_rows, names=names)
