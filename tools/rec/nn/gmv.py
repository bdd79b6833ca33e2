"""Conversions weighted by what they bring in, and predictions corrected back."""

from __future__ import annotations

from typing import Any

import paddle

from rec.nn.probability import Probability


def gmv_weight(price: Any) -> Any:
    """1 + log(1 + price) per exposure: the weight of its conversion; 1 where the price is not known."""
    known = paddle.where(paddle.isfinite(price), price, paddle.zeros_like(price))
    return 1.0 + paddle.log1p(known)


def corrected(weighted: Probability, weight: Any) -> Probability:
    """The probability behind one that was trained with positives weighted by `weight`, float [B, 1] above 0.

    Where positives count w times, the log loss is least at odds w p / (1 - p): the correction divides them by w.
    """
    return Probability(weighted.logit - paddle.log(weight))
