"""Probabilities that stay exact when they are near 0 or 1: kept as logits, composed like the papers' equations."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Self

import paddle
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

from rec.nn.host_losses import chain

_LARGE = 30.0
"""log(1 + e^x) is x in float32 from here on."""


class Probability:
    """p as its logit, log p - log(1 - p), float [B, 1].

    `a * b` is the probability of a chain (b given a). Log loss never sees a rounded or clipped p: a loss that clips at
    1e-4 has its optimum at half the truth where the rate is 2e-4, which is Ali-CCP's CTCVR.

    Args:
        logit: float32 [B, 1].
        on_host: as in `Features`: a chain may be computed by an operator of ours.
    """

    def __init__(self, logit: Any, on_host: bool = False) -> None:
        self.logit, self.on_host = logit, on_host

    @property
    def value(self) -> Any:
        """p, float [B, 1]."""
        return F.sigmoid(self.logit)

    @property
    def log_p(self) -> Any:
        """log p, float [B, 1]."""
        return -_softplus(-self.logit)

    @property
    def log_not_p(self) -> Any:
        """log(1 - p), float [B, 1]."""
        return -_softplus(self.logit)

    def mapped(self, rows: Callable[[Any], Any]) -> Self:
        """The same with each tensor [B, 1] as `rows` has it."""
        found = copy(self)
        found.logit = rows(self.logit)
        return found

    def __mul__(self, given: Probability) -> Probability:
        if self.on_host:
            return Probability(chain(self.logit, given.logit), on_host=True)
        # With p = 1 / (1 + e^a) and q likewise, (1 - p q) / (p q) = (1 + e^a)(1 + e^b) - 1 = e^a + e^b + e^(a + b), in
        # which nothing cancels.
        a, b = -self.logit, -given.logit
        return Probability(-log_sum([a, b, a + b]))

    def __invert__(self) -> Probability:
        """1 - p: the alternative."""
        return Probability(-self.logit, self.on_host)

    def choose(self, then: Probability, otherwise: Probability) -> Probability:
        """p then + (1 - p) otherwise: an event reached in either of two ways, `then` with p and `otherwise` without."""
        first, second = self.log_p, self.log_not_p
        log_p = log_sum([first + then.log_p, second + otherwise.log_p])
        return Probability(log_p - log_sum([first + then.log_not_p, second + otherwise.log_not_p]))

    def given(self, cause: Probability) -> Probability:
        """p / cause, for an event that happens with `cause` only."""
        log_p = self.log_p - cause.log_p
        # The ratio of two float32 is off by 1e-7 and more: 1 - p is kept above that.
        log_not_p = paddle.log1p(-paddle.exp(paddle.clip(log_p, max=-1e-6)))
        return Probability(paddle.clip(log_p, max=0.0) - log_not_p)

    def loss(self, label: Any) -> Any:
        """-label log p - (1 - label) log(1 - p) per impression, float [B, 1]; label float [B, 1], 0 or 1."""
        # -log p is softplus(-logit), -log(1 - p) is softplus(logit). (Paddle's binary_cross_entropy_with_logits has the
        # wrong gradient where a logit is exactly 0.)
        return _softplus((1.0 - 2.0 * label) * self.logit)

    def soft_loss(self, target: Any) -> Any:
        """-target log p - (1 - target) log(1 - p) per impression, float [B, 1]; target float [B, 1], from 0 to 1."""
        return -target * self.log_p - (1.0 - target) * self.log_not_p


def log_sum(logs: list[Any]) -> Any:
    """Log of the sum of what these are the logs of, float [B, 1]."""
    return paddle.logsumexp(paddle.concat(logs, axis=1), axis=1, keepdim=True)


def _softplus(x: Any) -> Any:
    """log(1 + e^x), exact also where that is nearly 0: Paddle's softplus and log_sigmoid round there."""
    return paddle.log1p(paddle.exp(paddle.clip(x, max=_LARGE))) + F.relu(x - _LARGE)
