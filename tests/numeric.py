"""Gradients by finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle


def check_gradients(net: Any, scalar: Callable[[], Any], inputs: list[Any], step: float = 1e-2) -> None:
    """Compare the slope of `scalar` along a random direction of every trained parameter and input with central ones."""
    random = np.random.default_rng(5)
    tensors = [*(p for p in net.parameters() if not p.stop_gradient), *inputs]
    for tensor in tensors:
        tensor.clear_gradient()
    scalar().backward()
    for tensor in tensors:
        assert tensor.grad is not None, tensor.name
        direction = random.normal(size=tensor.shape).astype(np.float32)
        direction /= max(np.linalg.norm(direction), 1e-12)
        value, slope = tensor.numpy().copy(), float((tensor.grad.numpy() * direction).sum())
        ends = []
        for sign in (1, -1):
            with paddle.no_grad():
                tensor.set_value(value + sign * step * direction)
            ends.append(float(scalar()))
        with paddle.no_grad():
            tensor.set_value(value)
        found = (ends[0] - ends[1]) / (2 * step)
        assert abs(found - slope) <= 2e-3 + 2e-2 * abs(slope), (tensor.name, found, slope)
