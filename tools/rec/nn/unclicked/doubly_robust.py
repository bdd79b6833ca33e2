"""Doubly robust: an imputed error for every impression, corrected by the clicked ones; and four ways to train it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from rec.nn.counterfactual import doubly_robust, imputation_error
from rec.nn.layers import MLP
from rec.nn.probability import Probability
from rec.nn.unclicked.base import Impressions, Room, Seen, Weighing

IMPUTED = "imputed_conversion"
"""The imputation tower's output, the pseudo-label m; in training only."""


class DR(Weighing):
    """M[e^ + o (e - e^) / p^] trains q, M[w(p^) o (e - e^)^2 / p^] trains m, with w = 1; p^ = sg(p) and e^ = l(m, q),
    q given in the second and m in the first.

    The imputed error depends on pCVR, as in DR-JL (Wang X. et al., ICML 2019). In ESCM2 as printed a tower says the
    error itself; that does not depend on pCVR, so its gradient is that of IPS whatever the tower says.
    """

    def __init__(self, room: Room, **settings: Any) -> None:
        super().__init__(room, **settings)
        self.heads["imputation"] = MLP(room.width, room.sizes)

    def emphasis(self, p: Any) -> Any:
        """w(p) of an error of the imputation, float [B, 1] or a number."""
        return 1.0

    def say(self, seen: Seen) -> dict[str, Any]:
        return {IMPUTED: Probability(self.heads["imputation"](seen.x))}

    def terms(self, batch: Impressions) -> dict[str, Any]:
        imputed, click, p = batch.told[IMPUTED].value, batch.click, batch.propensity
        # The first trains pCVR, which is in e as in e^; the second the pseudo-label. Each takes the other as given.
        error = batch.q.loss(batch.conversion)
        estimate = doubly_robust(error, batch.q.soft_loss(imputed.detach()), click, p)
        given = Probability(batch.q.logit.detach())
        missed = imputation_error(given.loss(batch.conversion), given.soft_loss(imputed), click, p)
        return {"cvr_dr": batch.mean(estimate), "cvr_imputation": batch.mean(self.emphasis(p) * missed)}


class MRDR(DR):
    """DR whose imputation is trained with w = (1 - p^) / p^: it minimises the estimate's variance, o (e - e^) / p^
    having (1 - p) / p (e - e^)^2 (Guo S. et al., SIGIR 2021).
    """

    def emphasis(self, p: Any) -> Any:
        return (1.0 - p) / p


class DRBias(DR):
    """DR whose imputation is trained with w = ((1 - p^) / p^)^2: against the bias that wrong propensities make (Dai,
    Li H. et al., KDD 2022). Weights grow as p^-3: watch `clipped_clicks`, and raise `propensity_min`.
    """

    def emphasis(self, p: Any) -> Any:
        return ((1.0 - p) / p) ** 2


class DRMSE(DR):
    """DR whose imputation is trained with w = g ((1 - p^) / p^)^2 + (1 - g) (1 - p^) / p^: bias and variance (the same
    paper). Its g(x), learned in a third level, is a number here, as in its authors' later code.

    Args:
        gamma: g, the share of the bias.
    """

    def __init__(self, room: Room, gamma: Annotated[float | int, Field(ge=0, le=1)] = 0.5, **settings: Any) -> None:
        super().__init__(room, **settings)
        self.gamma = float(gamma)

    def emphasis(self, p: Any) -> Any:
        odds = (1.0 - p) / p
        return self.gamma * odds**2 + (1.0 - self.gamma) * odds
