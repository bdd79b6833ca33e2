"""DCMT: un-clicked impressions teach a counterfactual twin of the CVR tower."""

from __future__ import annotations

from typing import Any

import paddle

from rec.nn.layers import MLP
from rec.nn.probability import Probability
from rec.nn.unclicked.base import Impressions, Room, Seen, Weighing, Weight

TWIN = "counterfactual_conversion"
"""The twin's output s; in training only."""


class DCMT(Weighing):
    """M[o e / p^] + M[(1 - o) l(1 - t, s) / (1 - p^)] + lam M[|1 - (q + s)|] (Zhu F. et al., ICDE 2023), p^ = sg(p).

    On un-clicked impressions 1 - t is 1, so s drifts to 1 there and the last term pulls q to 0: with a small lam it
    tells q nothing, with a large one "not converted". What is served is q, never s.

    Args:
        lam: of the constraint.
        normalized: sums of the first two over the sums of their weights, instead of means over the batch.
    """

    both_sides = True

    def __init__(self, room: Room, lam: Weight = 0.001, normalized: bool = False, **settings: Any) -> None:
        super().__init__(room, **settings)
        self.heads["counterfactual"] = MLP(room.width, room.sizes)
        self.lam, self.normalized = float(lam), normalized

    def say(self, seen: Seen) -> dict[str, Any]:
        return {TWIN: Probability(self.heads["counterfactual"](seen.x))}

    def terms(self, batch: Impressions) -> dict[str, Any]:
        twin = batch.told[TWIN]
        pairs = {
            "cvr_factual": (batch.q.loss(batch.conversion), batch.click / batch.propensity),
            "cvr_counterfactual": (twin.loss(1.0 - batch.conversion), batch.unclicked / batch.otherwise),
        }
        terms = {
            name: batch.weighted(loss, weight) if self.normalized else batch.mean(weight * loss)
            for name, (loss, weight) in pairs.items()
        }
        apart = paddle.abs(1.0 - (batch.q.value + twin.value))
        return {**terms, "cvr_constraint": self.lam * batch.mean(apart)}
