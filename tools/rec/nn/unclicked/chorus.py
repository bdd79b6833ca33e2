"""ChorusCVR: a tower for "clicked, not bought" tells that from "not clicked"."""

from __future__ import annotations

from typing import Any

from rec.nn.layers import MLP
from rec.nn.probability import Probability
from rec.nn.unclicked.base import Impressions, Room, Seen, Weighing, Weight

REFUSED = "refused_conversion"
"""The tower's output u = p(no conversion | click); in training only."""


class ChorusCVR(Weighing):
    """M_O[e / p^] + M[l(o (1 - r), p u)] + M_O[l(1 - r, u) / p^] + lam A (Cheng W. et al., 2025, arXiv 2502.08277),

    A = M_O[a / p^] + M_N[a / (1 - p^)], a = l(sg(1 - u), q) + l(sg(1 - q), u), p^ = sg(p): each of q and u labels the
    other where nobody clicked. Means are over clicked and un-clicked impressions, not over all.

    Args:
        lam: of A.
    """

    both_sides = True

    def __init__(self, room: Room, lam: Weight = 1.0, **settings: Any) -> None:
        super().__init__(room, **settings)
        self.heads["refusal"] = MLP(room.width, room.sizes)
        self.lam = float(lam)

    def say(self, seen: Seen) -> dict[str, Any]:
        return {REFUSED: Probability(self.heads["refusal"](seen.x))}

    def terms(self, batch: Impressions) -> dict[str, Any]:
        q, u = batch.q, batch.told[REFUSED]
        refused = batch.click - batch.conversion  # o (1 - r)
        agree = q.soft_loss(1.0 - u.value.detach()) + u.soft_loss(1.0 - q.value.detach())
        alignment = batch.mean_clicked(agree / batch.propensity) + batch.mean_unclicked(agree / batch.otherwise)
        return {
            "cvr_ips": batch.mean_clicked(q.loss(batch.conversion) / batch.propensity),
            "ctuncvr": batch.mean((batch.p * u).loss(refused)),
            "uncvr_ips": batch.mean_clicked(u.loss(refused) / batch.propensity),
            "cvr_agreement": self.lam * alignment,
        }
