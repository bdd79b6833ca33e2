"""Predicted numbers, such as the seconds that somebody watches."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import Any, Self

import paddle


class RegressionHead:
    """An estimate of a label that is a number of at least 0, float [B, 1].

    Args:
        output: of a tower, float [B, 1].
        log_scale: the output is log(1 + number): right for labels of many magnitudes, such as watch time.
        start: the estimate for an output of 0. Near the label's mean, it spares the network from learning that first.
        log_factor: added to a log output for the estimate, not for the loss, float [1, 1]; None: 0, and the estimate of
            a log output is below the mean (see `rec.nn.smearing`).
    """

    def __init__(self, output: Any, log_scale: bool, start: float = 0.0, log_factor: Any = None) -> None:
        self.log_factor = log_factor
        self.output, self.log_scale = output + (math.log1p(start) if log_scale else start), log_scale

    @property
    def value(self) -> Any:
        """The estimate in the label's units, float [B, 1]."""
        if not self.log_scale:
            return self.output
        # Not expm1, which is no operator of ONNX; the labels are no small fractions.
        return paddle.exp(self.output if self.log_factor is None else self.output + self.log_factor) - 1.0

    def mapped(self, rows: Callable[[Any], Any]) -> Self:
        """The same with each tensor [B, 1] as `rows` has it."""
        found = copy(self)
        found.output = rows(self.output)
        return found

    def loss(self, label: Any) -> Any:
        """Squared error per impression, on the scale of the output, float [B, 1]."""
        return ((paddle.log1p(label) if self.log_scale else label) - self.output) ** 2
