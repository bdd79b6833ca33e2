"""What a layer remembers of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle
from paddle import nn


def running(layer: nn.Layer, shape: Sequence[int], value: float) -> Any:
    """A parameter of a layer that no optimizer moves, float32; a buffer would be no variable of a program."""
    attributes = paddle.ParamAttr(trainable=False, initializer=nn.initializer.Constant(value))
    made = layer.create_parameter(list(shape), attr=attributes)
    made.stop_gradient = True
    return made
