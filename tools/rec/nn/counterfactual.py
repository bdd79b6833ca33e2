"""Estimates of a CVR loss over all impressions from the clicked ones, and the loss of what they impute.

Each gives an impression's term, float [B, 1], whose mean is meant. All arguments float [B, 1]: `error` e is the CVR
loss of an impression, which counts where it was clicked; `imputed` e^ stands in for it elsewhere, `click` o is its
label, `propensity` p its estimated pCTR, kept from 0. Nothing is detached: what a term trains is for its user to say.
"""

from __future__ import annotations

from typing import Any


def ips(error: Any, click: Any, propensity: Any) -> Any:
    """Inverse propensity scoring: o e / p, right on average where p is (ESCM2, Wang et al., SIGIR 2022, equation 9).

    Where a true p0 is raised to p, an impression counts p0 / p instead of 1.
    """
    return click * error / propensity


def doubly_robust(error: Any, imputed: Any, click: Any, propensity: Any) -> Any:
    """e^ + o (e - e^) / p: right on average where p is, or where e^ is e on average (ESCM2, equation 11).

    The second only helps a predictor that is trained through both e and e^: where e^ does not depend on it, the
    gradient is that of `ips`.
    """
    return imputed + click * (error - imputed) / propensity


def imputation_error(error: Any, imputed: Any, click: Any, propensity: Any) -> Any:
    """o (e - e^)^2 / p, which trains e^ (ESCM2, equation 12; DR-JL, Wang X. et al., ICML 2019)."""
    return click * (error - imputed) ** 2 / propensity
