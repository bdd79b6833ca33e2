"""Inverse propensity scores: a click counts for all impressions that were as likely to be clicked."""

from __future__ import annotations

from typing import Any

from rec.nn.counterfactual import ips
from rec.nn.unclicked.base import Impressions, Weighing


class IPS(Weighing):
    """M[o e / sg(p)] (Multi-IPW, Zhang W. et al., WWW 2020; with `product` ESCM2-IPS, Wang H. et al., SIGIR 2022).

    Unbiased where p is true; a true p0 raised to c biases the risk down by M[(1 - p0 / c) e].
    """

    def terms(self, batch: Impressions) -> dict[str, Any]:
        return {"cvr_ips": batch.mean(ips(batch.q.loss(batch.conversion), batch.click, batch.propensity))}


class SNIPS(Weighing):
    """Sum_O[e / sg(p)] / Sum_O[1 / sg(p)], self-normalised (Swaminathan and Joachims, NIPS 2015; Schnabel et al., ICML
    2016): consistent, less variance than IPS; a factor on all propensities changes nothing.
    """

    def terms(self, batch: Impressions) -> dict[str, Any]:
        return {"cvr_snips": batch.weighted(batch.q.loss(batch.conversion), batch.click / batch.propensity)}
