"""GradNorm (Chen et al., ICML 2018)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.weighting.gradients import constant, inner_product, shared_gradients


class GradNorm(nn.Layer):
    """sum_t w_t L_t, the weights learned so that tasks that lag behind get larger gradients.

    With G_t the norm of w_t L_t's gradient and r_t the task's relative lack of progress, the weights minimise
    sum_t |G_t - mean(G) r_t^alpha|, the target held fixed (equations 1 and 2). What the norm is taken of is what all
    tasks share whatever the sharing: the vectors pulled from the embedding table.

    Two things differ from the paper's algorithm. The weights are T softmax(v), so that they are positive and sum to T
    at every step instead of after a renormalisation. And progress is measured against the loss of a network whose
    logits are all 0 on the same batch, instead of the first step's loss: nothing has to be remembered.

    Args:
        weights: their starting values, above 0, up to a factor.
        alpha: how strongly lagging tasks are pulled up.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        numbers: Collection[str],
        alpha: Annotated[float | int, Field(ge=0)] = 1.5,
    ) -> None:
        super().__init__()
        self.alpha, self.names = float(alpha), list(weights)
        start = [math.log(weight) for weight in weights.values()]
        self.logits = self.create_parameter([len(weights)], default_initializer=nn.initializer.Assign(start))

    def forward(
        self,
        losses: Mapping[str, Any],
        untrained: Callable[[], Mapping[str, Any]],
        vectors: Sequence[Any],
        parameters: Sequence[Any],
    ) -> Any:
        weights = len(self.names) * F.softmax(self.logits, axis=0)
        parts = paddle.stack([losses[name] for name in self.names])
        start = untrained()
        slopes = weight_gradients(
            constant(weights),
            constant(parts),
            constant(paddle.stack([start[name] for name in self.names])),
            _norms([losses[name] for name in self.names], vectors, parameters),
            self.alpha,
        )
        pull = (weights * constant(slopes)).sum()
        return (constant(weights) * parts).sum() + pull - constant(pull)  # adds a gradient, and no value


def weight_gradients(weights: Any, losses: Any, start: Any, norms: Any, alpha: float) -> Any:
    """d sum_t |w_t n_t - target_t| / d w_t, all float [T]; n_t is the norm of L_t's own gradient."""
    scaled = weights * norms
    progress = losses / paddle.clip(start, min=1e-8)
    rate = progress / paddle.clip(progress.mean(), min=1e-8)
    return paddle.sign(scaled - scaled.mean() * rate**alpha) * norms


def _norms(losses: Sequence[Any], vectors: Sequence[Any], parameters: Sequence[Any]) -> Any:
    each = shared_gradients(losses, vectors, parameters)
    return constant(paddle.sqrt(paddle.stack([inner_product(gradient, gradient) for gradient in each])))
