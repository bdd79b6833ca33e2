"""Checked ids for the `nn.Embedding` layers of PaddleRec's directories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle

from rec.optimize.layers import embeddings
from rec.optimize.rows import check_ids


def check_lookups(net: Any) -> None:
    """Let every embedding of `net` refuse ids that it has no row for, whatever looks them up."""
    for name, layer in embeddings(net):
        layer.register_forward_pre_hook(_check(name, layer.weight.shape[0]))


def _check(name: str, size: int) -> Callable[[Any, Any], None]:
    def check(_: Any, inputs: Any) -> None:
        if paddle.in_dynamic_mode():  # a program that is being made has no ids yet
            check_ids(inputs[0].numpy(), size, name)

    return check
