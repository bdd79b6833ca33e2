"""ES-DFM: elapsed-time sampling (Yang J. et al., AAAI 2021, arXiv 2012.03245)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.nn.delay.method import LATE, NEGATIVE, Method, weighted


class ESDFM(Method):
    """v (1 + dp) l(1, f) + (1 - v) (1 + dp) rn l(0, f).

    On a stream with every click after w, and those that convert later once more. Wait for ever, dp = 0 and rn = 1, and
    it is the log loss; do not wait, dp = f and rn = 1 - f, and it is FNW's. A wrong rn ends at f / (f + rn (1 - f +
    dp)); dp only says how much a row counts.
    """

    columns = (LATE, NEGATIVE)

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        dp = given[LATE]
        return weighted(self.served(towers), v * (1.0 + dp), (1.0 - v) * (1.0 + dp) * given[NEGATIVE])
