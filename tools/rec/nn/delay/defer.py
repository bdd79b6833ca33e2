"""DEFER: real negatives (Gu S. et al., KDD 2021, arXiv 2104.14121)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle

from rec.nn.delay.method import LATE, Method, weighted

MOST = 3.0
"""The most that a positive may weigh; it weighs 1 at least."""


class DEFER(Method):
    """v f / (f - dp / 2) l(1, f) + (1 - v) (1 - f) / (1 - f + dp / 2) l(0, f), the weights' f detached.

    On a stream with every click twice: after w, and again at its conversion, or as a negative when the attribution
    window closes. So clicks with certain features are there as often as they are clicked. With dp = 0 it is the log
    loss of doubled data. The first weight is cut to [1, 3], as in the authors' code.
    """

    columns = (LATE,)

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        f, half = self.served(towers), given[LATE] / 2.0
        now = f.value.detach()
        positive = now / paddle.maximum(now - half, now / MOST)
        return weighted(f, v * positive, (1.0 - v) * (1.0 - now) / (1.0 - now + half))
