"""Gradients of each task's loss within the step, in either graph mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import paddle


def gradients(loss: Any, inputs: Sequence[Any]) -> list[Any]:
    """d loss / d input of each input, None where the loss does not depend on it."""
    if paddle.in_dynamic_mode():
        return list(paddle.grad([loss], list(inputs), retain_graph=True, allow_unused=True))
    return list(paddle.static.gradients([loss], list(inputs)))


def inner_product(a: Sequence[Any], b: Sequence[Any]) -> Any:
    """Of two gradients as one long vector each, a scalar; what is None is 0."""
    products = [(x * y).sum() for x, y in zip(a, b, strict=True) if x is not None and y is not None]
    return paddle.add_n(products) if products else paddle.zeros([])


def constant(x: Any) -> Any:
    """The same number, from which no gradient flows."""
    # In a program `detach` is not enough: Paddle would look for the gradient's gradient.
    x = paddle.assign(x)
    x.stop_gradient = True
    return x


def shared_gradients(losses: Sequence[Any], vectors: Sequence[Any], parameters: Sequence[Any]) -> list[list[Any]]:
    """Each loss's gradient with respect to the vectors pulled from the embedding table, which all tasks share."""
    # Parameters are asked for though not needed: Paddle cannot stop a Python operator's backward pass at some inputs.
    return [gradients(loss, [*vectors, *parameters])[: len(vectors)] for loss in losses]


def shared_products(losses: Sequence[Any], vectors: Sequence[Any], parameters: Sequence[Any]) -> Any:
    """The inner products of these gradients, float [T, T], from which no gradient flows."""
    each = shared_gradients(losses, vectors, parameters)
    upper = {(i, j): inner_product(each[i], each[j]) for i in range(len(each)) for j in range(i, len(each))}
    rows = [[upper[min(i, j), max(i, j)] for j in range(len(each))] for i in range(len(each))]
    return constant(paddle.stack([paddle.stack(row) for row in rows]))
