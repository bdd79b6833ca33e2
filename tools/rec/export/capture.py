"""What the network of a PaddleRec dynamic model is called with, read off batches of its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle

from rec.errors import UserError
from rec.export.files import Feed, Signature
from rec.numeric import Array


class _CalledError(Exception):
    """Ends a model's `infer_forward` where it calls the network."""


class Capture:
    """The tensors that a model makes of a batch for its network, and which of the reader's arrays each of them is.

    Args:
        engine: a dynamic engine of a PaddleRec model.
        batches: lists of arrays, one at least.

    Raises:
        UserError: `infer_forward` does not call the network.
    """

    def __init__(self, engine: Any, batches: list[list[Array]]) -> None:
        self._engine = engine
        arguments = [_call(engine, batch) for batch in batches]
        self._arguments = arguments[0]
        tensors = [_tensors(call) for call in arguments]
        # A batch of another length tells which dimensions depend on it, and other batches which on the data.
        shorter = [array[: max(1, len(array) - 1)] for array in batches[0]]
        shapes = [[list(t.shape) for t in call] for call in (*tensors, _tensors(_call(engine, shorter)))]
        feeds: list[Feed] = []
        self.specs: list[Any] = []
        for index, tensor in enumerate(tensors[0]):
            shape = [-1 if len(set(sizes)) > 1 else sizes[0] for sizes in zip(*(s[index] for s in shapes), strict=True)]
            if shape and len(batches[0][0]) == 1:
                shape[0] = -1
            position = _position([call[index] for call in tensors], batches)
            name = f"input_{index}" if position is None else f"array_{position}"
            name = name if name not in [feed.name for feed in feeds] else f"{name}_{index}"
            dtype = np.dtype(str(tensor.dtype).removeprefix("paddle.")).name
            feeds.append(Feed(name, position, shape, dtype))
            self.specs.append(paddle.static.InputSpec(shape, dtype, name))
        self.signature = Signature(feeds, [])

    def layer(self) -> Any:
        """A layer whose forward takes the tensors as one list and calls the network as the model does."""
        args, kwargs = self._arguments
        return _Called(self._engine.net, args, kwargs)


class _Called(paddle.nn.Layer):
    def __init__(self, net: Any, args: Any, kwargs: Any) -> None:
        super().__init__()
        self.net = net
        self._args, self._kwargs = args, kwargs

    def forward(self, inputs: list[Any]) -> Any:
        args, kwargs = self._arguments(inputs)
        return self.net(*args, **kwargs)

    @paddle.jit.not_to_static
    def _arguments(self, inputs: list[Any]) -> Any:
        rest = iter(inputs)
        return _replaced((self._args, self._kwargs), lambda _: next(rest))


def _call(engine: Any, batch: list[Array]) -> tuple[Any, Any]:
    """The arguments of the network's first call for a batch; the network does not run."""
    found: list[tuple[Any, Any]] = []

    def forward(*args: Any, **kwargs: Any) -> Any:
        found.append((args, kwargs))
        raise _CalledError

    engine.net.forward = forward
    try:
        engine.eval_step(batch)
    except _CalledError:
        return found[0]
    finally:
        del engine.net.forward
    raise UserError("dygraph_model.py: infer_forward does not call the model that create_model returned")


def _replaced(tree: Any, new: Callable[[Any], Any]) -> Any:
    """A tree of arguments with every tensor replaced, in a fixed order."""
    if isinstance(tree, paddle.Tensor):
        return new(tree)
    if isinstance(tree, list | tuple):
        return type(tree)([_replaced(value, new) for value in tree])
    if isinstance(tree, dict):
        return {key: _replaced(value, new) for key, value in tree.items()}
    return tree


def _tensors(tree: Any) -> list[Any]:
    found: list[Any] = []
    _replaced(tree, found.append)
    return found


def _position(tensors: list[Any], batches: list[list[Array]]) -> int | None:
    """Which of the reader's arrays these tensors, one per batch, are, up to their shape and type; None: none."""
    candidates = set(range(len(batches[0])))
    for tensor, batch in zip(tensors, batches, strict=True):
        values = tensor.numpy().reshape(-1)
        candidates = {c for c in candidates if _same(values, np.asarray(batch[c]).reshape(-1))}
    return min(candidates, default=None)


def _same(values: Array, array: Array) -> bool:
    return values.size == array.size and np.array_equal(values, array.astype(values.dtype))
