"""NFwFM: neural field-weighted factorisation machine, the shared bottom of Meitu's ranker."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
from paddle import nn

from rec.nn.features import Features
from rec.nn.interaction.base import Interaction, Shape


class NFwFM(Interaction):
    """Sum over field pairs i < j of r_ij v_i * v_j, elementwise, for field vectors v: float [B, dim].

    r says how strongly two fields interact (field-weighted FM, Pan et al., WWW 2018), and a network goes on from the
    vector instead of its sum (bi-interaction, NFM, He and Chua, SIGIR 2017). Columns beside the fields stay there.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.num_field, self.dim, self.width = shape.num_field, shape.dim, shape.dim + shape.more
        self.strength = self.create_parameter(
            [shape.num_field, shape.num_field], default_initializer=nn.initializer.Constant(1.0)
        )

    def forward(self, features: Features) -> Any:
        vectors = features.vectors(self.dim)
        above = paddle.to_tensor(np.triu(np.ones([self.num_field] * 2, np.float32), 1))
        made = (vectors * paddle.matmul(self.strength * above, vectors)).sum(axis=1)
        return paddle.concat([made, *features.more], axis=1) if features.more else made
