"""Where Paddle computes, and arrays on their way there."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import paddle
from paddle.base import framework
from paddle.base.dygraph.tracer import Tracer

from rec.errors import UserError
from rec.numeric import Array


def has_gpu() -> bool:
    """Whether this Paddle can compute on a GPU of this machine."""
    return paddle.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0


def choose(use_gpu: bool) -> Any:
    """The place to compute on, made Paddle's default.

    Raises:
        UserError: a GPU is asked for and this Paddle or this machine has none.
    """
    if not use_gpu:
        paddle.set_device("cpu")
        return paddle.CPUPlace()
    if not paddle.is_compiled_with_cuda():
        raise UserError(
            "runner.use_gpu is true, but this Paddle is the CPU wheel: install paddlepaddle-gpu, or set false"
        )
    if paddle.device.cuda.device_count() == 0:
        raise UserError("runner.use_gpu is true, but no GPU is visible to this process")
    paddle.set_device("gpu")
    return paddle.CUDAPlace(0)


def on_host() -> bool:
    """Whether what is computed now is computed on the CPU, in either graph mode."""
    return bool(paddle.device.get_device() == "cpu")


@cache
def _tracer() -> Any:
    return Tracer()


def eager() -> Any:
    """A context in which tensors are tensors in static mode too."""
    # `paddle.base.dygraph.guard` makes two programs and a tracer at every call: 30 us.
    return framework._dygraph_guard(_tracer())


def to_tensor(array: Any, place: Any) -> Any:
    """A tensor with a copy of an array's values. A tensor stays as it is.

    Never one that shares the array's memory: Paddle frees such a tensor under a lock of its own and waits for the
    interpreter's meanwhile. Another thread that has the interpreter's and frees such a tensor waits for Paddle's:
    training hangs, once in some hours.
    """
    if not isinstance(array, np.ndarray):
        return array
    if isinstance(place, paddle.CPUPlace):
        return paddle.Tensor(array, place)  # to_tensor without its checks, which take as long as a small copy
    return paddle.to_tensor(array, place=place)


def to_array(tensor: Any) -> Array:
    """A tensor's values on the host; on the CPU without a copy. An array stays as it is."""
    if isinstance(tensor, np.ndarray):
        return tensor
    return np.from_dlpack(tensor.detach()) if tensor.place.is_cpu_place() else tensor.numpy()
