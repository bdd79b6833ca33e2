"""Losses of single impressions beside the plain log loss, each of them least where the prediction is the truth."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import paddle

from rec.nn.probability import Probability

_FAR = 60.0
"""Float32 holds e^-60 and its product with small numbers."""


class FocalProbability(Probability):
    """The chance of which q, the sigmoid of a tower's score z, is the focal loss's estimate.

    Where the chance is p, p (1 - q)^g (-log q) + (1 - p) q^g (-log(1 - q)) is not least at q = p but nearer to 1/2, at
    odds of p : 1 - p = A(1 - q) : A(q) with A(q) = (1 - q)^g / q - g (1 - q)^(g - 1) log q, from its derivative by q
    (Charoenphakdee et al., CVPR 2021, theorem 11). So p follows from q.

    Args:
        score: z, float32 [B, 1].
        gamma: g, not below 0.
        positive_weight: how often a positive counted in the loss.
    """

    def __init__(self, score: Any, gamma: float, positive_weight: float = 1.0) -> None:
        score = paddle.clip(score, -_FAR, _FAR)
        self.estimate = q = Probability(score)
        # q, 1 - q and their logarithms, so that nothing cancels at either end.
        one = paddle.log(q.value - gamma * (~q).value * q.log_not_p)
        zero = paddle.log((~q).value - gamma * q.value * q.log_p)
        super().__init__(gamma * score + one - zero - math.log(positive_weight))

    def mapped(self, rows: Callable[[Any], Any]) -> Self:
        found = super().mapped(rows)
        found.estimate = self.estimate.mapped(rows)
        return found


@dataclass(frozen=True)
class Pointwise:
    """A loss of each impression.

    The log loss is given not p but what p becomes among labels that are weighed or smoothed, so that it is least at p:
    where positives count w times, w times the odds (He et al., 2014, the other way round); where labels are
    y (1 - e) + e / 2, p (1 - e) + e / 2 (Patrini et al., CVPR 2017, forward correction).

    Attributes:
        gamma: of the focal loss, which a `FocalProbability` has (Lin et al., ICCV 2017); None: the log loss.
        positive_weight: w.
        label_smoothing: e.
    """

    gamma: float | None = None
    positive_weight: float = 1.0
    label_smoothing: float = 0.0

    def __call__(self, output: Any, label: Any) -> Any:
        """float [B, 1], of a prediction and labels, float [B, 1] of 0 and 1."""
        if isinstance(output, FocalProbability):
            each = self._focal(output.estimate, label)
        elif self == Pointwise():
            return output.loss(label)
        else:
            each = self._log(Probability(output.logit + math.log(self.positive_weight)), label)
        return each * (1.0 + (self.positive_weight - 1.0) * label)

    def _log(self, p: Probability, label: Any) -> Any:
        e = self.label_smoothing
        if not e:
            return p.loss(label)
        q, target = (1.0 - e) * p.value + e / 2, (1.0 - e) * label + e / 2
        return -target * paddle.log(q) - (1.0 - target) * paddle.log(1.0 - q)

    def _focal(self, q: Probability, label: Any) -> Any:
        """-(1 - q_y)^g log q_y, q_y the estimate of the label that there is."""
        log_right = -q.loss(label)
        log_wrong = -q.loss(1.0 - label)
        return -paddle.exp((self.gamma or 0.0) * log_wrong) * log_right
