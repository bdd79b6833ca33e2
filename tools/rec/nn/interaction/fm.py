"""Factorisation machine (Rendle, ICDM 2010), and DeepFM (Guo et al., IJCAI 2017)."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import nn

from rec.nn.features import Features, expand
from rec.nn.interaction.base import Interaction, Shape


class FM(Interaction):
    """The second order of field vectors v: .5 ((sum_i v_i)^2 - sum_i v_i^2), elementwise, float [B, D].

    Towers see it beside the fields. With `logit`, DeepFM's sum instead: the towers see the fields, and to the logit of
    each is added <w, x> + sum_d of the second order, where w has a number for each id and tower, a column of its table
    row, and one for each column beside the fields (Guo et al., equations 1 and 2).

    Shared rows are squared and summed once.

    Args:
        logit: whether first and second order go to the logits.
    """

    def __init__(self, shape: Shape, logit: bool = False) -> None:
        super().__init__()
        self.dim, self.to_logit = shape.dim, logit
        self.extra = shape.towers if logit else 0
        self.width = shape.width + (0 if logit else shape.dim)
        self.beside = (
            self.create_parameter([shape.more, shape.towers], default_initializer=nn.initializer.Constant(0.0))
            if logit and shape.more
            else None
        )

    def forward(self, features: Features, first_order: Features | None = None) -> Features:
        total = _over_fields(features, self.dim)
        squares = _over_fields(features, self.dim, squared=True)
        second = 0.5 * (total * total - squares)
        if first_order is None:
            return features.plus(second)
        logits = _over_fields(first_order, self.extra) + second.sum(axis=1, keepdim=True)
        if self.beside is not None:
            logits = logits + paddle.matmul(paddle.concat(features.more, axis=1), self.beside)
        self.logits = [logits]
        return features


def _over_fields(features: Features, dim: int, squared: bool = False) -> Any:
    """The sum of all fields' vectors, or of their squares, float [B, dim]."""
    total: Any = 0.0
    for block, rows in zip(features.fields, features.field_rows, strict=True):
        vectors = paddle.reshape(block, [-1, int(block.shape[1]) // dim, dim])
        total = total + expand((vectors * vectors if squared else vectors).sum(axis=1), rows)
    return total
