"""DEFUSE: label correction for what negatives may be (Chen Y. et al., WWW 2022, arXiv 2202.06472)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.nn.delay.method import AGAIN, LATE, NEGATIVE, Method, weighted


class DEFUSE(Method):
    """On ES-DFM's stream: a positive at once (1 + dp) l(1, f), a late one l(1, f), and a negative
    z dp l(1, f) + (1 - z) (1 + dp) l(0, f), z = P(it is a fake one) = 1 - rn.

    In sum (1 + dp) (f l(1, f) + (1 - f) l(0, f)). (The authors' code weighs every positive by 2 + dp, which ends
    elsewhere.)
    """

    columns = (AGAIN, LATE, NEGATIVE)

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        dp, z = given[LATE], 1.0 - given[NEGATIVE]
        bought = v * (given[AGAIN] + (1.0 - given[AGAIN]) * (1.0 + dp))
        return weighted(self.served(towers), bought + (1.0 - v) * z * dp, (1.0 - v) * (1.0 - z) * (1.0 + dp))
