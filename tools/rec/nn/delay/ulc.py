"""ULC: unbiased label correction (Wang Yifan et al., KDD 2023, arXiv 2307.12756)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.nn.delay.method import NEGATIVE, Method


class ULC(Method):
    """l(1, f) where the conversion has come, else l(g, f): g = P(y = 1 | it has not, the time since the click).

    On all clicks of a log as they stand at one time. g is a helper's; with an exact one the expectation is that of
    final labels, and with g = 0 it is the log loss of what has come.
    """

    columns = (NEGATIVE,)

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        return self.served(towers).soft_loss((v + (1.0 - v) * (1.0 - given[NEGATIVE])).detach())
