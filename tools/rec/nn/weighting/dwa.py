"""Dynamic weight average (Liu et al., CVPR 2019, section 3.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.weighting.gradients import constant


class DWA(nn.Layer):
    """sum_t a_t w_t L_t with a = T softmax(R / temperature), R_t = L_t(last period) / L_t(the one before) (equation 7):
    a loss that falls more slowly than others counts more. In the first two periods every a_t is 1.

    A loss of a period is its mean over `steps` steps: the paper's period is an epoch, of which a large log has one.

    Args:
        steps: updates in a period.
        temperature: the larger, the more alike the weights.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        numbers: Collection[str],
        steps: Annotated[int, Field(gt=0)],
        temperature: Annotated[float | int, Field(gt=0)] = 2.0,
    ) -> None:
        super().__init__()
        self.weights, self.steps, self.temperature = dict(weights), steps, float(temperature)
        # Parameters that no optimizer moves: they are saved with the weights, and a program can write them.
        self.count = self._kept([1])
        self.running, self.last, self.before = (self._kept([len(weights)]) for _ in range(3))

    def _kept(self, shape: list[int]) -> Any:
        attributes = paddle.ParamAttr(trainable=False, initializer=nn.initializer.Constant(0.0))
        kept = self.create_parameter(shape, attr=attributes)
        kept.stop_gradient = True
        return kept

    def forward(self, losses: Mapping[str, Any], *_: Any) -> Any:
        parts = paddle.stack([losses[name] for name in self.weights])
        given = paddle.to_tensor(list(self.weights.values()), dtype="float32")
        weights = constant(given * factors(self.last, self.before, self.temperature))
        self._count(constant(parts))
        return (weights * parts).sum()

    def _count(self, parts: Any) -> None:
        """Take a step's losses, float [T], into the running period, which may end with it."""
        count = self.count + 1.0
        mean = self.running + (parts - self.running) / count
        over = count >= self.steps
        before, last = paddle.where(over, self.last, self.before), paddle.where(over, mean, self.last)
        paddle.assign(before, self.before)
        paddle.assign(last, self.last)
        paddle.assign(paddle.where(over, paddle.zeros_like(mean), mean), self.running)
        paddle.assign(paddle.where(over, paddle.zeros_like(count), count), self.count)


def factors(last: Any, before: Any, temperature: float) -> Any:
    """a, float [T], from the mean losses of the last two periods, float [T] each; 0: not known, ratio 1."""
    ratio = paddle.where(before > 0, last / paddle.clip(before, min=1e-12), paddle.ones_like(last))
    return last.shape[0] * F.softmax(ratio / temperature, axis=0)
