"""Learning to rank: order within a request."""

from __future__ import annotations

from typing import Any

import paddle
from paddle.nn import functional as F  # noqa: N812 - the field's name for it


def pairwise_loss(scores: Any, label: Any, request: Any, mask: Any = None) -> Any:
    """Mean of log(1 + exp(s_j - s_i)) over pairs of one request with label_i > label_j (RankNet, Burges et al., 2005).

    Args:
        scores, label, request: float [B, 1] each; equal numbers in `request` are one request.
        mask: float [B, 1]; only impressions of 1 are paired. None: all.

    Returns:
        A scalar; 0 where the batch holds no pair.
    """
    pairs = (request == request.t()) & (label > label.t())
    weights = pairs.astype("float32")
    if mask is not None:
        weights = weights * mask * mask.t()
    losses = F.softplus(scores.t() - scores)
    return (losses * weights).sum() / paddle.clip(weights.sum(), min=1.0)
