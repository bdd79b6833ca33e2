"""Log loss on whatever label the stream has: the oracle's, and those of the streams that correct nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.nn.delay.method import Method


class Plain(Method):
    """l(v, f). It ends at the stream's own rate: f of the oracle, ip of vanilla, f / (1 + dp) of vanilla-win."""

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        return self.served(towers).loss(v)
