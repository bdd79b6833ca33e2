"""Work on the host as one Paddle operator, in either graph mode, with a gradient of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import paddle
from paddle.static import MetaTensor
from paddle.static.nn import static_pylayer

from rec.device import eager, to_array, to_tensor
from rec.numeric import Array

_HOST = paddle.CPUPlace()
_NUMBERS = count()
"""A program's operators need names of their own."""

Shape = Sequence[int]


class HostOp(ABC):
    """One use of an operator. In a program it stands for every run: `backward` follows its `forward`.

    Attributes:
        skipped: how many inputs, the first ones, have no gradient.
    """

    skipped = 0

    @abstractmethod
    def forward(self, inputs: list[Array]) -> list[Array]:
        """Results, float32; what `backward` needs is kept."""

    @abstractmethod
    def backward(self, gradients: list[Array]) -> list[Array]:
        """Gradients of all inputs but those skipped, from those of the results."""

    def apply(self, inputs: list[Any], shapes: Sequence[Shape]) -> list[Any]:
        """The results for Paddle's tensors or a program's variables; `shapes`: the results', -1 where it varies."""
        outputs = _Dynamic.apply(self, *inputs) if paddle.in_dynamic_mode() else _in_program(self, inputs, shapes)
        return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]

    def run_forward(self, tensors: Sequence[Any]) -> list[Array]:
        return self.forward([to_array(tensor) for tensor in tensors])

    def run_backward(self, tensors: Sequence[Any]) -> list[Array]:
        return self.backward([to_array(tensor) for tensor in tensors])


class _Dynamic(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx: Any, op: HostOp, *inputs: Any) -> Any:
        ctx.op, ctx.inputs = op, inputs  # the operator holds views of the inputs
        return tuple(to_tensor(output, _HOST) for output in op.run_forward(inputs))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        found = [None] * ctx.op.skipped + ctx.op.run_backward(gradients)
        # Paddle insists on None where no gradient is wanted.
        pairs = zip(ctx.inputs, found, strict=True)
        return tuple(None if x.stop_gradient else to_tensor(each, _HOST) for x, each in pairs)


def _in_program(op: HostOp, inputs: list[Any], shapes: Sequence[Shape]) -> Any:
    """The same as two Python operators of a PIR program, one the other's gradient."""

    def run_backward(*gradients: Any) -> list[Any]:
        own = [value.shape for value in inputs[op.skipped :]]
        return [None] * op.skipped + _python_op(op.run_backward, gradients, own)

    def run_forward(*values: Any) -> list[Any]:
        return _python_op(op.run_forward, values, shapes)

    return static_pylayer(run_forward, inputs, run_backward)


def _python_op(
    work: Callable[[Sequence[Any]], list[Array]], inputs: Sequence[Any], shapes: Sequence[Shape]
) -> list[Any]:
    """`work` on tensors as an operator with float32 outputs of the given shapes.

    `paddle.static.register_op` does this for functions with a fixed number of named arguments only.
    """

    def run(*tensors: Any) -> Any:
        with eager():
            outputs = [to_tensor(array, _HOST) for array in work(tensors)]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def infer_meta(*_: Any) -> Any:
        metas = [MetaTensor(shape=list(shape), dtype=paddle.float32) for shape in shapes]
        return metas[0] if len(metas) == 1 else tuple(metas)

    return list(
        paddle._C_ops._run_python_op(
            *inputs,
            name=f"host_op_{next(_NUMBERS)}",
            input_names=[f"in_{i}" for i in range(len(inputs))],
            output_names=[f"out_{i}" for i in range(len(shapes))],
            attrs={"infer_meta_fn_ptr": infer_meta, "fn_ptr": run},
            inplace_map={},
        )
    )
