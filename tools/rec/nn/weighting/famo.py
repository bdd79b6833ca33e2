"""FAMO: fast adaptive multitask optimization (Liu et al., NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.weighting.gradients import constant
from rec.nn.weighting.second_look import SecondLook
from rec.numeric import Array

_EPSILON = 1e-8
_BETA1, _BETA2 = 0.9, 0.999


class FAMO(SecondLook):
    """sum_t a_t L_t with a_t = T (z_t / L_t) / sum_s (z_s / L_s), z = softmax(xi): a step on the logs of the losses, so
    that their scales do not matter (algorithm 1; T times its step, so that weights sum to T).

    After the step the losses of the same batch are computed once more. xi follows the gradient of
    sum_t z_t (log L_t before - log L_t after) by Adam, with the release's numbers: a loss whose log falls more slowly
    than the others' gets a larger z. A step costs one forward pass more, however many losses there are.

    A loss of 0, of which a batch holds no row, has no weight and no part in what xi follows.

    Args:
        weights: the starting values of z, above 0, up to a factor.
        learning_rate: of xi.
        weight_decay: of xi, which draws the weights together.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        numbers: Collection[str],
        learning_rate: Annotated[float | int, Field(gt=0)] = 0.025,
        weight_decay: Annotated[float | int, Field(ge=0)] = 0.001,
    ) -> None:
        super().__init__()
        self.names = list(weights)
        self.learning_rate, self.weight_decay = float(learning_rate), float(weight_decay)
        start = np.zeros((4, len(weights)), np.float32)  # xi, Adam's two moments, and its steps
        start[0] = np.log(list(weights.values()))
        attributes = paddle.ParamAttr(trainable=False, initializer=nn.initializer.Assign(start))
        self.kept = self.create_parameter(list(start.shape), attr=attributes)
        self.kept.stop_gradient = True

    def forward(self, losses: Mapping[str, Any], *_: Any) -> Any:
        parts = paddle.stack([losses[name] for name in self.names])
        there = paddle.cast(parts > 0, "float32")
        shares = there * F.softmax(self.kept[0], axis=0) / (parts + _EPSILON)
        weights = len(self.names) * shares / paddle.clip(shares.sum(), min=1e-30)
        return (constant(weights) * parts).sum()

    def moved(self, kept: Array, before: Array, now: Array) -> Array:
        xi, first, second, steps = kept.astype(np.float64)
        there = (before > 0) & (now > 0)
        change = np.where(there, np.log(before + _EPSILON) - np.log(now + _EPSILON), 0.0)
        z = np.exp(xi - xi.max())
        z /= z.sum()
        slope = z * (change - z @ change) + self.weight_decay * xi
        steps = steps + 1
        first, second = _BETA1 * first + (1 - _BETA1) * slope, _BETA2 * second + (1 - _BETA2) * slope**2
        size = np.sqrt(second / (1 - _BETA2**steps)) + _EPSILON
        return np.stack([xi - self.learning_rate * first / (1 - _BETA1**steps) / size, first, second, steps])
