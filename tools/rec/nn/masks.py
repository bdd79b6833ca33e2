"""Labels that are not given: each loss is a mean over the impressions whose own label is known.

A label that is not given is NaN. NaN in a loss makes every gradient NaN, also where a mask of 0 follows, so such
labels are filled before a loss sees them, and masked afterwards.
"""

from __future__ import annotations

from typing import Any, Protocol

import paddle

from rec.device import on_host
from rec.nn.host_losses import mean_log_loss
from rec.nn.probability import Probability


class Loss(Protocol):
    """A prediction that says its loss, such as `Probability` and `RegressionHead`."""

    def loss(self, label: Any) -> Any:
        """Loss of each impression, float [B, 1]; `label` float [B, 1], all known."""


def known(label: Any, among: Any = None) -> Any:
    """1 where an impression's label is given and its label `among` is 1 (None: wherever it is given), float [B, 1]."""
    given = paddle.logical_not(paddle.isnan(label))
    return (given if among is None else paddle.logical_and(given, among == 1.0)).astype("float32")


def filled(label: Any) -> Any:
    """The label with 0 where it is not given, float [B, 1]; `known` says where that is."""
    return paddle.where(paddle.isnan(label), paddle.zeros_like(label), label)


def masked_mean(values: Any, mask: Any) -> Any:
    """Mean over impressions whose mask is 1, a scalar; 0 where there is none. `values`, `mask` float [B, 1]."""
    return (values * mask).sum() / paddle.clip(mask.sum(), min=1.0)


def mean_loss(output: Loss, label: Any, among: Any = None) -> Any:
    """Mean loss of a prediction over the impressions that `known` counts, a scalar; 0 where there is none."""
    if isinstance(output, Probability) and on_host():
        return mean_log_loss(output.logit, label, among)
    return masked_mean(output.loss(filled(label)), known(label, among))
