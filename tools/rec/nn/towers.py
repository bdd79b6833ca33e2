"""Several towers over the same features as one Paddle operator, in either graph mode, computed on the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import paddle
from paddle.static import MetaTensor
from paddle.static.nn import static_pylayer

from rec.device import to_array, to_tensor
from rec.nn import stack
from rec.nn.features import Features
from rec.numeric import Array

_HOST = paddle.CPUPlace()
_NUMBERS = count()
"""A program's operators need names of their own."""


def fused_towers(x: Features, towers: Sequence[Sequence[tuple[Any, Any]]]) -> list[Any]:
    """For each tower its layers x W + b with ReLU between them and none after the last: float [B, its last width].

    A tower's layers are (weight [in, out], bias [1, out]), bottom first; W of the first has `x.width` rows.
    """
    plan = _Plan([row_index is not None for row_index in x.row_index], [len(tower) for tower in towers])
    rows = [row_index for row_index in x.row_index if row_index is not None]
    inputs = [*rows, *x.blocks, *(each for tower in towers for layer in tower for each in layer)]
    outputs = _Dynamic.apply(plan, *inputs) if paddle.in_dynamic_mode() else _in_program(plan, inputs)
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


class _Plan:
    """How the operator's inputs are read: rows of the shared blocks, blocks, parameters."""

    def __init__(self, shared: list[bool], depths: list[int]) -> None:
        self.shared, self.depths = shared, depths
        self.done: stack.Pass
        """The newest forward pass. In a program it waits here for the backward pass."""

    @property
    def num_rows(self) -> int:
        return sum(self.shared)

    def forward(self, inputs: Sequence[Any]) -> list[Array]:
        arrays = [to_array(tensor) for tensor in inputs]
        rows, blocks = iter(arrays[: self.num_rows]), arrays[self.num_rows :][: len(self.shared)]
        row_index = [next(rows) if shared else None for shared in self.shared]
        self.done = stack.forward(blocks, row_index, arrays[self.num_rows + len(blocks) :], self.depths)
        return self.done.outputs

    def backward(self, gradients: Sequence[Any]) -> list[Array]:
        """Gradients of all inputs but the rows."""
        return stack.backward(self.done, [to_array(gradient) for gradient in gradients])


class _Dynamic(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx: Any, plan: _Plan, *inputs: Any) -> Any:
        ctx.plan, ctx.inputs = plan, inputs  # the pass holds views of the inputs
        return tuple(to_tensor(output, _HOST) for output in plan.forward(inputs))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
        found = [None] * ctx.plan.num_rows + ctx.plan.backward(gradients)
        # Paddle insists on None where no gradient is wanted.
        pairs = zip(ctx.inputs, found, strict=True)
        return tuple(None if x.stop_gradient else to_tensor(each, _HOST) for x, each in pairs)


def _in_program(plan: _Plan, inputs: list[Any]) -> Any:
    """The same as two Python operators of a PIR program, one the other's gradient."""
    weights = iter(inputs[plan.num_rows + len(plan.shared) :: 2])
    widths = [[next(weights) for _ in range(depth)][-1].shape[1] for depth in plan.depths]
    shapes = [value.shape for value in inputs[plan.num_rows :]]

    def run_backward(*gradients: Any) -> list[Any]:
        return [None] * plan.num_rows + _python_op(plan.backward, gradients, shapes)

    def run_forward(*values: Any) -> list[Any]:
        return _python_op(plan.forward, values, [[-1, width] for width in widths])

    return static_pylayer(run_forward, inputs, run_backward)


def _python_op(work: Callable[[Sequence[Any]], list[Array]], inputs: Sequence[Any], shapes: Sequence[Any]) -> list[Any]:
    """`work` on tensors as an operator with float32 outputs of the given shapes.

    `paddle.static.register_op` does this for functions with a fixed number of named arguments only.
    """

    def run(*tensors: Any) -> Any:
        with paddle.base.dygraph.guard(paddle.CPUPlace()):
            outputs = [to_tensor(array, _HOST) for array in work(tensors)]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def infer_meta(*_: Any) -> Any:
        metas = [MetaTensor(shape=list(shape), dtype=paddle.float32) for shape in shapes]
        return metas[0] if len(metas) == 1 else tuple(metas)

    return list(
        paddle._C_ops._run_python_op(
            *inputs,
            name=f"towers_{next(_NUMBERS)}",
            input_names=[f"in_{i}" for i in range(len(inputs))],
            output_names=[f"out_{i}" for i in range(len(shapes))],
            attrs={"infer_meta_fn_ptr": infer_meta, "fn_ptr": run},
            inplace_map={},
        )
    )
