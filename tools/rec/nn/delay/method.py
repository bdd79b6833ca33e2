"""What a method of delayed feedback says of its network and its loss.

In all of them y is the final label, v the label that a row of the stream has, f = P(y = 1), l(a, f) = -a log f -
(1 - a) log(1 - f); a click waits w before it is taken in. dp = P(y = 1, the conversion comes after w) and rn = P(y = 0,
given that none has come by w) are helpers' predictions, columns of the batch; whatever weighs a loss is detached.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import paddle

from rec.nn.probability import Probability

FINAL = "conversion"
"""The tower of f, and the label column."""

AGAIN, ELAPSED, DELAY = "again", "elapsed", "delay"
"""Columns: 1 where the click was taken in before; days from the click until now; days until the conversion."""

CLICKED, WINDOW = "clicked", "window"
"""Columns: 0 where an impression was not clicked; days after which a conversion counts no more."""

LATE, NEGATIVE, SEEN = "late", "negative", "seen"
"""Columns: dp; rn, or P(y = 0, none has come by now); P(the conversion has come by now, y = 1)."""


class Method(ABC):
    """A method; towers say logits, float [B, 1].

    Attributes:
        towers: what the network predicts in training.
        columns: what its loss reads of a row, besides the label that the stream has.
    """

    towers: ClassVar[tuple[str, ...]] = (FINAL,)
    columns: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        """Loss of each row, float [B, 1]; `v` float [B, 1], 0 or 1; `given` the columns, float [B, 1]."""

    def served(self, towers: Mapping[str, Any]) -> Probability:
        """f."""
        return Probability(towers[FINAL])


def weighted(f: Probability, positive: Any, negative: Any) -> Any:
    """-positive log f - negative log(1 - f), float [B, 1]; the weights, float [B, 1], are detached."""
    return -positive.detach() * f.log_p - negative.detach() * f.log_not_p


def from_log(log_p: Any) -> Probability:
    """The probability of a logarithm, float [B, 1]; one of more than 1 is 1, short of what float32 can tell."""
    log_p = paddle.clip(log_p, max=-1e-6)
    return Probability(log_p - paddle.log1p(-paddle.exp(log_p)))
