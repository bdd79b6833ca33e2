"""Bi-DEFUSE: a tower for what comes within the wait and one for what comes after it (Chen Y. et al., WWW 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.nn.delay.method import AGAIN, Method, from_log, weighted
from rec.nn.probability import Probability, log_sum

WITHIN, AFTER = "within", "after"


class BiDEFUSE(Method):
    """F_in = P(y = 1, within w) by the log loss of first copies. F_out = P(y = 1, after w) as FNW would learn it of a
    stream whose first copies are all negatives: a late positive l(1, F_out), a negative
    F_out^2 l(1, F_out) + (1 - F_out) (1 + F_out) l(0, F_out), the weights detached. f = F_in + F_out, at most 1.
    """

    towers = (WITHIN, AFTER)
    columns = (AGAIN,)

    def loss(self, towers: Mapping[str, Any], v: Any, given: Mapping[str, Any]) -> Any:
        again, after = given[AGAIN], Probability(towers[AFTER])
        now = after.value.detach()
        late = weighted(after, again + (1.0 - again) * now * now, (1.0 - again) * (1.0 - now) * (1.0 + now))
        return (1.0 - again) * Probability(towers[WITHIN]).loss(v) + late

    def served(self, towers: Mapping[str, Any]) -> Probability:
        return from_log(log_sum([Probability(towers[WITHIN]).log_p, Probability(towers[AFTER]).log_p]))
