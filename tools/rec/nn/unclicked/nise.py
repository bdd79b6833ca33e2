"""NISE: un-clicked impressions are unlabelled, and get the model's own prediction."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import paddle
from pydantic import Field

from rec.nn.unclicked.base import Impressions, Method, Room, Weight

_LEAST = 1e-7
"""Below this a loss over which another is divided is taken as this."""


class NISE(Method):
    """w L, L = M[o e] + M[(1 - o) l(q', q)], w = sg(al min(M[l(o, p)] / L, be)) (Huang J. et al., RecSys 2024).

    As the authors' code has it, q' = q is part of the gradient: the second term is then the entropy of q on un-clicked
    impressions, and q is biased down (`mode: entropy`). With q' = sg(q) its gradient is 0, and what is left is the
    loss on clicks with a weight that adapts (`mode: detached`).

    Args:
        mode: which of the two.
        alpha: al.
        beta: be, what the ratio of losses is at most.
        product: whether the conversion's loss over the entire space is kept; the paper leaves it out.
    """

    def __init__(
        self,
        room: Room,
        mode: Literal["detached", "entropy"] = "detached",
        alpha: Weight = 1.0,
        beta: Annotated[float | int, Field(gt=0)] = 50.0,
        product: bool = False,
        weight: Weight = 1.0,
    ) -> None:
        super().__init__(room, weight, product)
        self.detached, self.alpha, self.beta = mode == "detached", float(alpha), float(beta)

    def terms(self, batch: Impressions) -> dict[str, Any]:
        own = batch.q.value.detach() if self.detached else batch.q.value
        each = batch.click * batch.q.loss(batch.conversion) + batch.unclicked * batch.q.soft_loss(own)
        loss = batch.mean(each)
        ratio = batch.mean(batch.p.loss(batch.click)).detach() / paddle.clip(loss.detach(), min=_LEAST)
        return {"cvr_nise": self.alpha * paddle.clip(ratio, max=self.beta) * loss}
