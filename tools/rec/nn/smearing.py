"""The mean of a number whose logarithm is predicted (Duan, JASA 1983)."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import nn

from rec.nn.running import running

_KEEP = 0.99


class Smearing(nn.Layer):
    """A factor s so that s e^m is 1 + the number in the mean, where m is the predicted mean of log(1 + number).

    e^m alone is too low, by Jensen's inequality. Duan's estimate is the mean of e^residual over the training data. This
    is the ratio of the means of 1 + number and of e^m, which is the same where residuals do not depend on the
    impression; where they do, predictions add up to what there was in training, and a few impressions of tiny e^m do
    not decide it. Both are running means over batches, that an optimizer does not move and a checkpoint holds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.observed, self.predicted = running(self, [1, 1], 0.0), running(self, [1, 1], 0.0)

    def log_factor(self) -> Any:
        """log s, float [1, 1], a copy that later batches leave alone; 0 before the first one."""
        met = (self.predicted > 0).astype("float32")
        return met * (paddle.log(self.observed + (1.0 - met)) - paddle.log(self.predicted + (1.0 - met)))

    def remember(self, output: Any, label: Any, mask: Any) -> None:
        """Take a batch's means in, over impressions whose mask is 1; `output` is m. float [B, 1] each."""
        there = (mask.sum() > 0).astype("float32")
        for mean, values in ((self.observed, 1.0 + label), (self.predicted, paddle.exp(output.detach()))):
            batch = (values * mask).sum() / paddle.clip(mask.sum(), min=1.0)
            step = there * (1.0 - _KEEP)
            paddle.assign((1.0 - step) * mean + step * batch, mean)
