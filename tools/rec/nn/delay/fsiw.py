"""FSIW: feedback shift importance weighting (Yasui et al., WWW 2020, arXiv 2002.02068)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle

from rec.nn.delay.method import NEGATIVE, SEEN, Method, weighted

LEAST = 0.01
"""What P(seen) is raised to at least: a bound of ours, so that no row counts a hundred times."""


class FSIW(Method):
    """v l(1, f) / s1 + (1 - v) s0 l(0, f), on all clicks of a log as they stand at one time.

    s1 = P(seen | y = 1) and s0 = P(y = 0 | not seen) are helpers of the features and of the time since the click.
    """

    columns = (SEEN, NEGATIVE)

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        return weighted(self.served(towers), v / paddle.clip(given[SEEN], min=LEAST), (1.0 - v) * given[NEGATIVE])
