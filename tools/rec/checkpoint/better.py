"""Which way a metric is better."""

from __future__ import annotations

import re

_ERRORS = {"loss", "logloss", "mae", "mse", "rmse", "mape", "error", "err", "ece", "entropy"}
_GAINS = {"auc", "rank"}


def lower_is_better(metric: str) -> bool:
    """Whether a metric is an error, by the first word of its name that tells: logloss_ctr, valid_loss, not auc_loss."""
    words = re.split(r"[^a-z]+", metric.lower())
    return next((word in _ERRORS for word in words if word in _ERRORS | _GAINS), False)
