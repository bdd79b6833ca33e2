"""Estimates of a loss over all impressions from the clicked ones (ESCM2, Wang et al., SIGIR 2022).

`error` is the CVR loss of each exposure, `click` its label, `propensity` its estimated pCTR, kept from 0 and taken as
given; all float [B, 1].
"""

from __future__ import annotations

from typing import Any


def ips(error: Any, click: Any, propensity: Any) -> Any:
    """Inverse propensity scoring: mean of y e / p, a scalar; right where p is (equation 9)."""
    return (click * error / propensity).mean()


def doubly_robust(error: Any, imputed: Any, click: Any, propensity: Any) -> Any:
    """Mean of e^ + y (e - e^) / p, a scalar; right where either p or e^ is (equation 11).

    It trains the CVR: the imputed error e^, float [B, 1], is taken as given.
    """
    imputed = imputed.detach()
    return (imputed + click * (error - imputed) / propensity).mean()


def imputation_loss(error: Any, imputed: Any, click: Any, propensity: Any) -> Any:
    """Mean of y (e - e^)^2 / p, a scalar, which trains e^: the error is taken as given (equation 12)."""
    return (click * (error.detach() - imputed) ** 2 / propensity).mean()
