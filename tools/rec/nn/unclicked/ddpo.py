"""DDPO: a third tower, trained on clicks, labels every impression."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from rec.nn.layers import MLP
from rec.nn.probability import Probability
from rec.nn.unclicked.base import Impressions, Room, Seen, Weighing, Weight

PROPENSITY = "conversion_propensity"
"""The third tower's output m; in training only."""


class DDPO(Weighing):
    """a M[o l(r, m)] + M[o W1 l(r*, q) + (1 - o) W0 l(r*, q)] (Su H. et al., SIGIR 2024, and its code).

    r* is 1 where r is, and else sg(m), also of clicked impressions; W1 = 1 / p^ over its sum over the clicked ones, W0
    = 1 / (1 - p^) over its sum over the others. Weights that sum to 1 AND a mean over the batch: as published, the
    second term is weaker than it looks by the batch size; `normalized: false` leaves W1 = 1 / p^ and W0 = 1 / (1 - p^).
    The paper's fusion of the towers' bottoms is a matter of the sharing here. What is served is q, not m.

    Args:
        propensity_weight: a, of the third tower's loss.
        soft: whether a clicked impression without conversion is given sg(m), as published, or 0.
        normalized: whether W1 and W0 are divided by their sums.
        propensity_min: what pCTR, and 1 - pCTR, are raised to at least.
    """

    both_sides = True

    def __init__(
        self,
        room: Room,
        propensity_weight: Weight = 1.0,
        soft: bool = True,
        normalized: bool = True,
        propensity_min: Annotated[float, Field(gt=0, lt=1)] = 1e-6,
        **settings: Any,
    ) -> None:
        super().__init__(room, propensity_min=propensity_min, **settings)
        self.heads["propensity"] = MLP(room.width, room.sizes)
        self.propensity_weight, self.soft, self.normalized = float(propensity_weight), soft, normalized

    def say(self, seen: Seen) -> dict[str, Any]:
        return {PROPENSITY: Probability(self.heads["propensity"](seen.x))}

    def terms(self, batch: Impressions) -> dict[str, Any]:
        tower, known = batch.told[PROPENSITY], batch.conversion
        guess = tower.value.detach()
        label = known + (1.0 - known) * (guess if self.soft else guess * batch.unclicked)
        loss = batch.q.soft_loss(label)
        sides = [batch.click / batch.propensity, batch.unclicked / batch.otherwise]
        if self.normalized:
            both = sum(batch.weighted(loss, side) for side in sides) / _count(batch)
        else:
            both = sum(batch.mean(side * loss) for side in sides)
        own = batch.mean(batch.click * tower.loss(known))
        return {"cvr_propensity": self.propensity_weight * own, "cvr_ddpo": both}


def _count(batch: Impressions) -> Any:
    """How many impressions are counted, at least 1, a scalar."""
    total = batch.mask.sum()
    return total + (total == 0).astype("float32")
