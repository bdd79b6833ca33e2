"""DFM: the delayed feedback model (Chapelle, KDD 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle

from rec.nn.delay.method import DELAY, ELAPSED, FINAL, Method
from rec.nn.probability import log_sum

RATE = "rate"
_FASTEST = 9.0
"""Logarithm of the largest rate: e^9 a day, one in 11 seconds."""


class DFM(Method):
    """v (-log f - log la + la h) - (1 - v) log(1 - f + f e^(-la el)): delays h are exponential with rate la = e^tower.

    el is the time since the click, both in days. With el -> infinity it is the log loss of final labels, and the
    likelihood of the delays beside it.
    """

    towers = (FINAL, RATE)
    columns = (ELAPSED, DELAY)

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        f, log_rate = self.served(towers), paddle.clip(towers[RATE], max=_FASTEST)
        rate = paddle.exp(log_rate)
        bought = -f.log_p - log_rate + rate * given[DELAY]
        not_yet = -log_sum([f.log_not_p, f.log_p - rate * given[ELAPSED]])
        return v * bought + (1.0 - v) * not_yet
