"""PCGrad: gradient surgery (Yu et al., NeurIPS 2020)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

from rec.nn.weighting.gradients import constant, gradients, inner_product


class PCGrad(nn.Layer):
    """Where two tasks' gradients point against each other, each loses its part along the other (algorithm 1).

    Every projected gradient is a combination of the tasks' own, so their sum is the gradient of sum_t a_t L_t with
    a_t from the inner products alone: no gradient is built by hand, in either mode. Gradients are those of the pulled
    vectors and all parameters; row-wise updates of the table follow as always.
    """

    def __init__(self, weights: Mapping[str, float], numbers: Collection[str]) -> None:
        super().__init__()
        self.weights = dict(weights)

    def forward(
        self,
        losses: Mapping[str, Any],
        untrained: Callable[[], Mapping[str, Any]],
        vectors: Sequence[Any],
        parameters: Sequence[Any],
    ) -> Any:
        parts = [self.weights[name] * loss for name, loss in losses.items()]
        each = [gradients(part, [*vectors, *parameters]) for part in parts]
        products = paddle.stack([paddle.stack([inner_product(a, b) for b in each]) for a in each])
        # The others' order matters from three tasks on; it is drawn anew each step.
        order = paddle.argsort(paddle.rand([len(parts)])) if len(parts) > 2 else paddle.arange(len(parts))
        return (constant(surgery(constant(products), order)) * paddle.stack(parts)).sum()


def surgery(products: Any, order: Any) -> Any:
    """The weights a, float [T], for inner products [T, T] of the gradients; each is projected in `order`, int [T].

    Row i of `mixture` holds gradient i as a combination of the original ones.
    """
    count = products.shape[0]
    mixture = paddle.eye(count)
    for step in range(count):
        other = F.one_hot(order[step].astype("int64"), count)
        along = paddle.matmul(mixture, (products * other).sum(axis=1, keepdim=True))
        square = (products * other * other.unsqueeze(-1)).sum()
        share = paddle.clip(along, max=0.0) / paddle.clip(square, min=1e-30)
        mixture = mixture - share * (1.0 - other.unsqueeze(-1)) * other
    return mixture.sum(axis=0)
