"""Learning to rank: order within a request, of which a batch must hold the impressions together."""

from __future__ import annotations

from typing import Any

import paddle
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

_NONE = -1e9
"""Log of what nothing counts, finite so that no gradient is NaN."""


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


def listwise_loss(scores: Any, label: Any, request: Any, mask: Any) -> Any:
    """Mean of -log(e^s_i / sum_j e^s_j) over impressions i with label 1, j those of i's request, i among them.

    The softmax cross-entropy of ListNet (Cao et al., ICML 2007) with labels of 0 and 1. Arguments as above.

    Returns:
        A scalar; 0 where the batch holds no positive, or each is alone in its request.
    """
    weights = label * mask
    each = log_sum_within(scores, request, mask) - scores
    return (each * weights).sum() / paddle.clip(weights.sum(), min=1.0)


def joint_loss(logit: Any, level: Any, label: Any, request: Any, mask: Any) -> Any:
    """JRC's ranking part: mean of -log(e^z_i / sum_j e^z_j) over impressions i, z the logit of i's own class.

    Of the two logits of an impression (Sheng et al., KDD 2023, equation 7) z_0 is its level and z_1 level + logit, so
    that the sigmoid of the logit is p(1): the log loss of that is the other part (equation 6). j are the impressions of
    i's request, i among them. As in the authors' code the mean is over impressions, whatever their requests' lengths.

    Args:
        logit, level: float [B, 1] each; others as above.

    Returns:
        A scalar; 0 where each impression is alone in its request.
    """
    of_one, of_zero = level + logit, level
    one = log_sum_within(of_one, request, mask) - of_one
    zero = log_sum_within(of_zero, request, mask) - of_zero
    each = label * one + (1.0 - label) * zero
    return (each * mask).sum() / paddle.clip(mask.sum(), min=1.0)


def log_sum_within(scores: Any, request: Any, mask: Any) -> Any:
    """log of the sum of e^s_j over the impressions j of each one's request whose mask is 1, float [B, 1]."""
    together = (request == request.t()).astype("float32") * mask.t()
    return paddle.logsumexp(scores.t() + (1.0 - together) * _NONE, axis=1, keepdim=True)
