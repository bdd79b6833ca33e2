"""MGDA: the shortest combination of the tasks' gradients (Sener & Koltun, NeurIPS 2018)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal

import paddle
from paddle import nn

from rec.nn.weighting.gradients import constant, shared_products
from rec.nn.weighting.simplex import check_number, min_norm


class MGDA(nn.Layer):
    """sum_t a_t w_t L_t with a = T argmin |sum_t a_t g_t| over the simplex: no task's loss rises along that step.

    g_t is the gradient of w_t L_t with respect to the vectors pulled from the embedding table, the representation that
    all tasks share: the paper's upper bound (MGDA-UB, equation 5). T counts the losses that have a gradient; with it
    weights are as large as those of `fixed`, in place of the paper's sum of 1.

    Args:
        normalize: gradients are first divided by this. As they are, the shortest gradient takes most of the weight,
            which is that of the rarest behaviour.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        numbers: Collection[str],
        normalize: Literal["none", "norm", "loss"] = "none",
    ) -> None:
        super().__init__()
        check_number("mgda", weights)
        self.weights, self.normalize = dict(weights), normalize

    def forward(
        self,
        losses: Mapping[str, Any],
        untrained: Callable[[], Mapping[str, Any]],
        vectors: Sequence[Any],
        parameters: Sequence[Any],
    ) -> Any:
        parts = [self.weights[name] * loss for name, loss in losses.items()]
        products = paddle.cast(shared_products(parts, vectors, parameters), "float64")
        divisors = self._divisors(products, constant(paddle.stack(parts)))
        weights = min_norm(products / (divisors.unsqueeze(0) * divisors.unsqueeze(1))) / divisors
        there = paddle.cast(paddle.diagonal(products) > 0, "float64").sum()
        weights = there * weights / paddle.clip(weights.sum(), min=1e-60)
        return (constant(paddle.cast(weights, "float32")) * paddle.stack(parts)).sum()

    def _divisors(self, products: Any, losses: Any) -> Any:
        """Of each gradient, float64 [T]."""
        if self.normalize == "none":
            return paddle.ones_like(paddle.diagonal(products))
        sizes = paddle.sqrt(paddle.diagonal(products)) if self.normalize == "norm" else paddle.cast(losses, "float64")
        return paddle.where(sizes > 0, sizes, paddle.ones_like(sizes))
