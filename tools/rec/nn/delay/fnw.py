"""FNW: fake negatives weighted (Ktena et al., RecSys 2019, arXiv 1907.06558)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.nn.delay.method import Method, weighted


class FNW(Method):
    """v (1 + f) l(1, f) + (1 - v) (1 - f) (1 + f) l(0, f), the weights' f detached.

    On a stream with every click at once as a negative, and its conversion again as a positive.
    """

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        f = self.served(towers)
        now = f.value.detach()
        return weighted(f, v * (1.0 + now), (1.0 - v) * (1.0 - now) * (1.0 + now))
