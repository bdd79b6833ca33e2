"""`paddle.static.auc` as old models know it: the old tuple, and an AUC over the epoch, counted on the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from rec.metrics.auc import auc as exact_auc
from rec.numeric import Array


@dataclass(frozen=True)
class AucCall:
    """One call of `paddle.static.auc` while a program was built.

    Attributes:
        value: the variable that the model got for the AUC.
        prediction, label, weight: what it is counted from.
        operators: ids of the operators that the call added to the program.
    """

    value: Any
    prediction: Any
    label: Any
    weight: Any | None
    operators: frozenset[int]

    @property
    def fetches(self) -> list[Any]:
        """What `RunningAuc.update` takes, as variables."""
        return [self.prediction, self.label, *([] if self.weight is None else [self.weight])]


class RunningAuc:
    """Exact AUC over all rows since the last reset; keeps 5 bytes a row."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all rows, as at the end of an epoch."""
        self._scores: list[Array] = []
        self._labels: list[Array] = []
        self._nans = 0

    def update(self, prediction: Array, label: Array, weight: Array | None = None) -> None:
        """Add a batch.

        Args:
            prediction: [B, 1], or [B, 2] with the positive class's probability last.
            label: [B, 1], any number but 0 counts as positive, as in Paddle's operator.
            weight: [B, 1], rows of weight 0 do not count; [1, 1] is the operator's default.
        """
        scores, positive = prediction[:, -1], label.reshape(-1) != 0
        counted = ~np.isnan(scores)
        self._nans += len(scores) - int(np.count_nonzero(counted))
        if weight is not None and weight.size == len(scores):
            counted &= weight.reshape(-1) != 0
        self._scores.append(scores[counted])
        self._labels.append(positive[counted])

    def accumulate(self) -> float | str:
        """The AUC, or in words why there is none."""
        if self._nans:
            return f"undefined ({self._nans} predictions are NaN)"
        if not self._scores:
            return "undefined (no rows)"
        self._scores, self._labels = [np.concatenate(self._scores)], [np.concatenate(self._labels)]
        result = exact_auc(self._scores[0], self._labels[0])
        return str(result) if result.value is None else result.value


def recorded_auc(original: Callable[..., Any], calls: list[AucCall]) -> Callable[..., Any]:
    """A `paddle.static.auc` that notes its arguments in `calls`.

    It returns (auc, batch_auc, [batch_stat_pos, batch_stat_neg, stat_pos, stat_neg]) as the old one did. Under PIR the
    operator knows the present batch alone: that is what `batch_auc` and the histograms are, and what arithmetic on
    `auc` sees; fetched under a name of its own, `auc` is the running one. `curve` other than ROC counts as ROC.
    """

    def auc(
        input: Any,
        label: Any,
        curve: str = "ROC",
        num_thresholds: int = 2**12 - 1,
        topk: int = 1,
        slide_steps: int = 1,
        ins_tag_weight: Any = None,
    ) -> tuple[Any, Any, list[Any]]:
        block = paddle.static.default_main_program().global_block()
        before = len(block.ops)
        if label.dtype not in (paddle.int32, paddle.int64):
            label = paddle.cast(label, "int64")
        _, positives, negatives = original(input, label, curve, num_thresholds, ins_tag_weight=ins_tag_weight)
        batch_auc, value = _area(positives, negatives), _area(positives, negatives)
        histograms = [positives, negatives, paddle.assign(positives), paddle.assign(negatives)]
        added = frozenset(operator.id() for operator in block.ops[before:])
        calls.append(AucCall(value, input, label, ins_tag_weight, added))
        return value, batch_auc, histograms

    return auc


def _area(positives: Any, negatives: Any) -> Any:
    """Area under the ROC curve of two histograms [1, thresholds + 1]; 0 for one class, as the operator has it.

    The operator's own output is declared int64 under PIR and holds float64: nothing can be computed from it.
    """
    positives, negatives = paddle.cast(positives, "float64"), paddle.cast(negatives, "float64")
    below = paddle.cumsum(negatives, axis=1) - negatives / 2  # a tie counts half
    pairs = paddle.sum(positives) * paddle.sum(negatives)
    return paddle.sum(positives * below) / paddle.clip(pairs, min=1.0)
