"""FNC: fake negatives calibrated (Ktena et al., RecSys 2019, arXiv 1907.06558)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.nn.delay.method import FINAL, Method, from_log
from rec.nn.probability import Probability


class FNC(Method):
    """The tower says b, the rate of the stream of FNW, by l(v, b), whose optimum is f / (1 + f). f = b / (1 - b), or 1.

    b / (1 - b) is e^logit, so f of a b near 1/2 is noisy: df/db = 1 / (1 - b)^2.
    """

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        return Probability(towers[FINAL]).loss(v)

    def served(self, towers: Mapping[str, Any]) -> Probability:
        return from_log(towers[FINAL])
