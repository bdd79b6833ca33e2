"""Probabilities that stay exact when they are small: kept as logarithms, composed like the papers' equations."""

from __future__ import annotations

import math
from typing import Any

import paddle
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

_LN2 = math.log(2.0)


class Probability:
    """p and 1 - p as logarithms, float [B, 1] each.

    `a * b` is the probability of a chain (b given a). Log loss never sees a rounded or clipped p: a loss that clips at
    1e-4 has its optimum at half the truth where the rate is 2e-4, which is Ali-CCP's CTCVR.
    """

    def __init__(self, log_p: Any, log_not_p: Any) -> None:
        self.log_p, self.log_not_p = log_p, log_not_p

    @classmethod
    def from_logit(cls, logit: Any) -> Probability:
        """sigmoid(logit)."""
        return cls(F.log_sigmoid(logit), F.log_sigmoid(-logit))

    def __mul__(self, given: Probability) -> Probability:
        log_p = self.log_p + given.log_p
        return Probability(log_p, _log_not_both(self, given, log_p))

    def __invert__(self) -> Probability:
        """1 - p: the alternative."""
        return Probability(self.log_not_p, self.log_p)

    def choose(self, then: Probability, otherwise: Probability) -> Probability:
        """p then + (1 - p) otherwise: an event reached in either of two ways, `then` with p and `otherwise` without."""
        log_p = _log_add(self.log_p + then.log_p, self.log_not_p + otherwise.log_p)
        log_not_p = _log_add(self.log_p + then.log_not_p, self.log_not_p + otherwise.log_not_p)
        return Probability(log_p, log_not_p)

    def given(self, cause: Probability) -> Probability:
        """p / cause, for an event that happens with `cause` only."""
        log_p = self.log_p - cause.log_p
        # The ratio of two float32 is off by 1e-7 and more: 1 - p is kept above that.
        return Probability(paddle.clip(log_p, max=0.0), paddle.log1p(-paddle.exp(paddle.clip(log_p, max=-1e-6))))

    @property
    def value(self) -> Any:
        """p, float [B, 1]."""
        return paddle.exp(self.log_p)

    @property
    def logit(self) -> Any:
        """log p - log(1 - p), float [B, 1]."""
        return self.log_p - self.log_not_p

    def loss(self, label: Any) -> Any:
        """-label log p - (1 - label) log(1 - p) per exposure, float [B, 1]; label float [B, 1], 0 or 1."""
        return -(label * self.log_p + (1.0 - label) * self.log_not_p)


def _log_add(a: Any, b: Any) -> Any:
    """log(exp a + exp b), at most 0: rounding must not make a probability exceed 1."""
    larger = paddle.maximum(a, b)
    return paddle.clip(larger + F.softplus(paddle.minimum(a, b) - larger), max=0.0)


def _log_not_both(a: Probability, b: Probability, log_p: Any) -> Any:
    """log(1 - p_a p_b), for log_p = log(p_a p_b).

    Two forms, each where it is exact. Small p: log1p(-p). Large p: log((1 - p_a) + p_a (1 - p_b)), finite even where
    both round to 1. Both are finite everywhere (p is capped in the first), so no gradient is NaN.
    """
    small = paddle.log1p(-paddle.exp(paddle.clip(log_p, max=-_LN2)))
    large = a.log_not_p + F.softplus(a.log_p + b.log_not_p - a.log_not_p)
    return paddle.where(log_p < -_LN2, small, large)
