"""What `nn.Embedding` layers of PaddleRec's directories need on Paddle 3.3.1: checked ids and right gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import paddle

from rec.errors import UserError


def check_ids(net: Any) -> None:
    """Let every embedding of `net` refuse ids that it has no row for; Paddle would read, and write, foreign memory."""
    for name, layer in _embeddings(net):
        layer.register_forward_pre_hook(_refusal(name, layer.weight.shape[0]))


def _refusal(name: str, size: int) -> Callable[[Any, Any], None]:
    def refuse(_: Any, inputs: Any) -> None:
        if not paddle.in_dynamic_mode():  # the network is being turned into a program; there are no ids yet
            return
        ids = inputs[0].numpy()
        if not ids.size or (ids.min() >= 0 and ids.max() < size):
            return
        bad = ids[(ids < 0) | (ids >= size)].flat[0]
        raise UserError(
            f"embedding {name} has {size} rows (ids 0 to {size - 1}), the data holds id {bad}: enlarge it in the "
            "config (often hyper_parameters.sparse_feature_number), or mend the data"
        )

    return refuse


def right_gradients(net: Any, optimizer: Any) -> list[str]:
    """Give embeddings with `sparse=True` a dense gradient, unless the optimizer is right on sparse ones.

    On sparse gradients Paddle's Adam corrects its bias as if one step had gone before and, unless lazy, moves rows by
    what lies in memory behind the gradient; Momentum and RMSProp give other numbers than on dense ones, Adadelta, AdamW
    and others fail. SGD and Adagrad are right. An Adam with `lazy_mode=True` keeps the sparse gradient, which its
    author has asked for.

    Returns:
        names of the embeddings that were changed.
    """
    changed = []
    for name, layer in _embeddings(net):
        if layer._sparse and not _right_on_sparse(optimizer, layer.weight):
            layer._sparse = False
            changed.append(name)
    return changed


def _right_on_sparse(optimizer: Any, weight: Any) -> bool:
    if isinstance(getattr(optimizer, "_grad_clip", None), paddle.nn.ClipGradByValue):
        return False
    if getattr(optimizer, "regularization", None) or getattr(weight, "regularizer", None):
        return False
    lazy = type(optimizer) is paddle.optimizer.Adam and optimizer._lazy_mode
    return lazy or type(optimizer) in (paddle.optimizer.SGD, paddle.optimizer.Adagrad)


def _embeddings(net: Any) -> Iterator[tuple[str, Any]]:
    for name, layer in net.named_sublayers(include_self=True):
        if isinstance(layer, paddle.nn.Embedding):
            yield name or type(layer).__name__, layer
