"""Self-attention over fields: AutoInt (Song et al., CIKM 2019)."""

from __future__ import annotations

from typing import Annotated, Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.features import Features
from rec.nn.interaction.base import Interaction, Shape


class AutoInt(Interaction):
    """In each layer field vectors e_m become relu(concat_h sum_k a_mk^h V^h e_k + W e_m), float [B, F, heads * units].

    a^h = softmax_k <Q^h e_m, K^h e_k> (equations 5 to 8). Towers see the last layer's, and the columns beside the
    fields. Shared rows are copied out to the impressions.

    Args:
        layers: how many.
        heads, units: attention heads, and the width of each.
    """

    def __init__(
        self,
        shape: Shape,
        layers: Annotated[int, Field(gt=0)] = 3,
        heads: Annotated[int, Field(gt=0)] = 2,
        units: Annotated[int, Field(gt=0)] = 8,
    ) -> None:
        super().__init__()
        self.dim = shape.dim
        widths = [shape.dim, *[heads * units] * layers]
        self.layers = nn.LayerList([_Attention(a, heads, units) for a in widths[:-1]])
        self.width = shape.num_field * widths[-1] + shape.more

    def forward(self, features: Features) -> Any:
        vectors = features.vectors(self.dim)
        for layer in self.layers:
            vectors = layer(vectors)
        return paddle.concat([paddle.flatten(vectors, 1), *features.more], axis=1)


class _Attention(nn.Layer):
    def __init__(self, width: int, heads: int, units: int) -> None:
        super().__init__()
        self.heads, self.units = heads, units
        normal = nn.initializer.XavierNormal()
        self.query, self.key, self.value, self.residual = (
            self.create_parameter([width, heads * units], default_initializer=normal) for _ in range(4)
        )

    def forward(self, x: Any) -> Any:
        """float [B, F, width] to [B, F, heads * units]."""
        query, key, value = (self._by_head(paddle.matmul(x, weight)) for weight in (self.query, self.key, self.value))
        weights = F.softmax(paddle.matmul(query, key, transpose_y=True), axis=-1)
        together = paddle.transpose(paddle.matmul(weights, value), [0, 2, 1, 3])
        flat = paddle.reshape(together, [-1, x.shape[1], self.heads * self.units])
        return F.relu(flat + paddle.matmul(x, self.residual))

    def _by_head(self, x: Any) -> Any:
        return paddle.transpose(paddle.reshape(x, [-1, x.shape[1], self.heads, self.units]), [0, 2, 1, 3])
