"""How much a conversion counts for what it brings in."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import paddle

GmvWeight: TypeAlias = Literal["log", "linear", "none"]
"""1 + log(1 + price), 1 + price, or 1. At a price of 0, and where none is known, each is 1; none is below."""


def gmv_weight(price: Any, formula: GmvWeight) -> Any:
    """The weight of a conversion at `price`, float [B, 1], at least 0 (readers refuse others); NaN: not known."""
    known = paddle.where(paddle.isfinite(price), price, paddle.zeros_like(price))
    if formula == "log":
        return 1.0 + paddle.log1p(known)
    return 1.0 + known if formula == "linear" else paddle.ones_like(price)
