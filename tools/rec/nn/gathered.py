"""What trainers that divide a batch predict, put together before the loss.

A loss is often no mean over impressions: it may be over those that were clicked alone, a ratio of sums, or weighted by
what the losses were. So every trainer computes the loss of the whole batch from everybody's outputs, a few numbers an
impression. The gradient of its own outputs is then exact, whatever the loss is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from rec.distributed.ranks import here, summed
from rec.nn.host_op import HostOp
from rec.nn.network import Output
from rec.numeric import Array


def gathered(outputs: Mapping[str, Output]) -> dict[str, Output]:
    """Predictions of this trainer's impressions, [B, 1], as those of all trainers', in the order of trainers."""
    if here().alone:
        return dict(outputs)
    own: list[Any] = []

    def note(column: Any) -> Any:
        own.append(column)
        return column

    for output in outputs.values():
        output.mapped(note)
    widths = [int(each.shape[1]) for each in own]  # 1, but for what an output carries besides
    together = iter(paddle.split(gathered_rows(paddle.concat(own, axis=1)), widths, axis=1))
    return {name: output.mapped(lambda _: next(together)) for name, output in outputs.items()}


def gathered_rows(x: Any) -> Any:
    """Of all trainers, float32 [B, width] each, in their order."""
    return x if here().alone else _Gather().apply([x], [[-1, int(x.shape[1])]])[0]


def batch_sums(total: Any, count: Any) -> tuple[Any, Any]:
    """Sums over a batch that trainers divide, from each one's.

    Args:
        total: float32 [1, width].
        count: of how many rows, a scalar.
    """
    if here().alone:
        return total, count
    both = paddle.concat([total, paddle.reshape(count, [1, 1])], axis=1)
    (both,) = _Sum().apply([both], [[1, int(both.shape[1])]])
    return both[:, :-1], both[:, -1:]


class _Gather(HostOp):
    """The gradient of what a trainer gave is that of its rows.

    All trainers have the whole loss: a parameter that acts behind this operator, such as a learned weight of a loss,
    has its whole gradient at each of them, and one before it a part. Here it is multiplied by their number, so that
    the mean over trainers is right for either.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, ...] = ()

    def forward(self, inputs: list[Array]) -> list[Array]:
        (x,) = inputs
        ranks = here()
        self._shape = x.shape
        return [np.concatenate(ranks.gather(x[: ranks.sizes[ranks.rank]], ranks.sizes))]

    def backward(self, gradients: list[Array]) -> list[Array]:
        ranks = here()
        found = np.zeros(self._shape, np.float32)
        first, size = sum(ranks.sizes[: ranks.rank]), ranks.sizes[ranks.rank]
        np.multiply(gradients[0][first : first + size], np.float32(ranks.count), out=found[:size])
        return [found]


class _Sum(HostOp):
    """Each trainer's part is in every trainer's sum, so its gradient is the sum of theirs.

    Who has no impression of the batch gives, and gets, nothing.
    """

    def forward(self, inputs: list[Array]) -> list[Array]:
        return [self._summed(inputs[0])]

    def backward(self, gradients: list[Array]) -> list[Array]:
        return [self._summed(gradients[0])]

    def _summed(self, own: Array) -> Array:
        ranks = here()
        parts = ranks.gather(own, [len(own)] * ranks.count)
        return summed([part for part, size in zip(parts, ranks.sizes, strict=True) if size])
