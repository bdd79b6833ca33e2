"""What stands between two dense layers: norm, ReLU, dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.gathered import batch_sums
from rec.nn.running import running

Dropout: TypeAlias = Annotated[float | int, Field(ge=0, lt=1)]
"""Share of a hidden layer's units that a step of training leaves out, of each impression others."""

Norm: TypeAlias = Literal["none", "batch", "layer"]
"""What a hidden layer's output is brought to mean 0 and variance 1 over: the batch, or the units."""


@dataclass(frozen=True)
class Between:
    """What a config says of hidden layers, and a network of its activation: ReLU, or Swish, h sigmoid(h)."""

    dropout: Dropout = 0.0
    norm: Norm = "none"
    activation: Literal["relu", "swish"] = "relu"


PLAIN = Between()
"""ReLU alone."""


class Activation(nn.Layer):
    """Of a hidden layer's output, float [B, width]: norm, then ReLU or Swish, then dropout."""

    def __init__(self, width: int, between: Between) -> None:
        super().__init__()
        self.dropout, self.swish = between.dropout, between.activation == "swish"
        makers = {"batch": BatchNorm, "layer": nn.LayerNorm}
        self.norm = makers[between.norm](width) if between.norm in makers else None

    @property
    def plain(self) -> bool:
        """Whether it is a ReLU and nothing else."""
        return self.norm is None and not self.swish and not (self.dropout and self.training)

    def forward(self, x: Any) -> Any:
        x = x if self.norm is None else self.norm(x)
        hidden = x * F.sigmoid(x) if self.swish else F.relu(x)
        return F.dropout(hidden, self.dropout) if self.dropout and self.training else hidden


class BatchNorm(nn.Layer):
    """gamma (x - E[x]) / sqrt(Var[x] + epsilon) + beta by column (Ioffe and Szegedy, ICML 2015, algorithm 1).

    In training E and Var are those of the batch, later their running means. Sums over the batch, and what is spread
    over it, are products with a column of ones: Paddle's sums, also the gradients of what is spread, take seven times
    as long.

    Args:
        width: of the input, [B, width].
        momentum: what a batch leaves of the running means.
    """

    def __init__(self, width: int, momentum: float = 0.9, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.gamma = self.create_parameter([1, width], default_initializer=nn.initializer.Constant(1.0))
        self.beta = self.create_parameter([1, width], is_bias=True)
        self.mean, self.variance = (running(self, [1, width], value) for value in (0.0, 1.0))
        self.momentum, self.epsilon = momentum, epsilon

    def forward(self, x: Any) -> Any:
        ones = ones_column(x)
        mean = mean_of_rows(x, ones) if self.training else self.mean
        centred = x - paddle.matmul(ones, mean)
        variance = mean_of_rows(centred * centred, ones) if self.training else self.variance
        if self.training:
            for kept, batch in ((self.mean, mean), (self.variance, variance)):
                paddle.assign(self.momentum * kept + (1.0 - self.momentum) * batch.detach(), kept)
        scale = self.gamma / paddle.sqrt(variance + self.epsilon)
        return centred * paddle.matmul(ones, scale) + paddle.matmul(ones, self.beta)


def ones_column(x: Any) -> Any:
    """Ones, [B, 1], for x [B, ...]; in a program B is known only when it runs."""
    rows = x.shape[0]
    return paddle.ones([rows if rows >= 0 else paddle.shape(x)[0], 1])


def mean_of_rows(x: Any, there: Any) -> Any:
    """By column, float [1, width], over the rows where `there`, [B, 1], is 1 and not 0; no rows: 0."""
    total, count = batch_sums(paddle.matmul(there, x, transpose_x=True), there.sum())
    return total / paddle.clip(count, min=1.0)
