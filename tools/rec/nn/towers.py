"""Several towers over the same features as one Paddle operator, in either graph mode, computed on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rec.nn import stack
from rec.nn.features import Features
from rec.nn.host_op import HostOp
from rec.numeric import Array


def fused_towers(x: Features, towers: Sequence[Sequence[tuple[Any, Any]]]) -> list[Any]:
    """For each tower its layers x W + b with ReLU between them and none after the last: float [B, its last width].

    A tower's layers are (weight [in, out], bias [1, out]), bottom first; W of the first has `x.width` rows.
    """
    rows = [row_index for row_index in x.row_index if row_index is not None]
    inputs = [*rows, *x.blocks, *(each for tower in towers for layer in tower for each in layer)]
    op = _Towers([row_index is not None for row_index in x.row_index], [len(tower) for tower in towers])
    return op.apply(inputs, [[-1, tower[-1][0].shape[1]] for tower in towers])


class _Towers(HostOp):
    """Its inputs are the rows of the shared blocks, which have no gradient, the blocks, and the parameters."""

    def __init__(self, shared: list[bool], depths: list[int]) -> None:
        self.shared, self.depths, self.skipped = shared, depths, sum(shared)
        self.done: stack.Pass

    def forward(self, inputs: list[Array]) -> list[Array]:
        rows, blocks = iter(inputs[: self.skipped]), inputs[self.skipped :][: len(self.shared)]
        row_index = [next(rows) if shared else None for shared in self.shared]
        self.done = stack.forward(blocks, row_index, inputs[self.skipped + len(blocks) :], self.depths)
        return self.done.outputs

    def backward(self, gradients: list[Array]) -> list[Array]:
        return stack.backward(self.done, gradients)
