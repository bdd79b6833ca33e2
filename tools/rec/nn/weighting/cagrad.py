"""CAGrad: conflict-averse gradient descent (Liu et al., NeurIPS 2021)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, Any

import paddle
from paddle import nn
from pydantic import Field

from rec.nn.weighting.gradients import constant, shared_products
from rec.nn.weighting.simplex import cagrad_point, check_number


class CAGrad(nn.Layer):
    """The step within c |g_0| of the mean gradient g_0 that does most for the task it does least for (algorithm 1).

    With w = argmin g_w'g_0 + c |g_0| |g_w| over the simplex, g_w = sum_t w_t g_t, it is g_0 + c |g_0| g_w / |g_w|: the
    gradient of sum_t a_t L_t with a_t = 1 / T + c |g_0| w_t / |g_w|. Gradients are those of the pulled vectors, as in
    `MGDA`. Here it is T times that, T the losses that have a gradient: with c = 0 it is `fixed`.

    Args:
        c: how far the step may be from the mean; below 1 it still minimises the mean loss.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        numbers: Collection[str],
        c: Annotated[float | int, Field(ge=0)] = 0.5,
    ) -> None:
        super().__init__()
        check_number("cagrad", weights)
        self.weights, self.c = dict(weights), float(c)

    def forward(
        self,
        losses: Mapping[str, Any],
        untrained: Callable[[], Mapping[str, Any]],
        vectors: Sequence[Any],
        parameters: Sequence[Any],
    ) -> Any:
        parts = [self.weights[name] * loss for name, loss in losses.items()]
        products = shared_products(parts, vectors, parameters)
        worst, share = cagrad_point(products, self.c)
        there = paddle.cast(paddle.diagonal(products) > 0, "float64").sum()
        weights = 1.0 + there * share * worst
        return (constant(paddle.cast(weights, "float32")) * paddle.stack(parts)).sum()
