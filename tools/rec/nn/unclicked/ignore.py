"""The two plain answers: nothing, and "not converted"."""

from __future__ import annotations

from typing import Any

from rec.nn.unclicked.base import Impressions, Method


class Ignore(Method):
    """M_O[e]: a loss of pCVR on clicked impressions alone, which is BASE where `product` is off.

    It estimates the risk over the clicked space, and nothing of the others.
    """

    def terms(self, batch: Impressions) -> dict[str, Any]:
        return {"cvr_clicked": batch.mean_clicked(batch.q.loss(batch.conversion))}


class Negative(Method):
    """M[l(t, q)]: who does not click does not convert; AMAN with all un-clicked impressions (ESMM's paper, 4.1).

    Its optimum is p q, which lies below q by the click rate.
    """

    def terms(self, batch: Impressions) -> dict[str, Any]:
        return {"cvr_negative": batch.mean(batch.q.loss(batch.conversion))}
