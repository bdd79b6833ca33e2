"""Stacks of dense layers in host memory: forward and backward of several towers over the same blocks.

A tower is any layers with ReLU between them: experts, bottoms and gates too. Same numbers as the layers one by one (the
tests hold one against the other). Towers, or parts of the batch where towers are fewer than cores, run side by side,
where Paddle's operators follow one another and share out products too small for that; between products there is one
pass over memory instead of three to six. `rec.nn.towers` makes a Paddle operator of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rec.kernels import dense as kernels
from rec.numeric import Array
from rec.parallel import parallel_map, threads

_LEAST_ROWS = 256
"""A job of fewer impressions is not worth a thread."""


@dataclass
class Pass:
    """A forward pass, and what its backward pass needs of it."""

    x: _Input
    towers: list[_Tower]

    @property
    def outputs(self) -> list[Array]:
        """What each tower puts out, float32 [B, width of its last layer]."""
        return [tower.outputs[-1] for tower in self.towers]


def forward(blocks: list[Array], rows: list[Array | None], parameters: list[Array], depths: Sequence[int]) -> Pass:
    """Run towers of x W + b with ReLU between layers and none after the last.

    Args:
        blocks: float32 [R_i, w_i], the input in blocks.
        rows: for each block int [B], the row of each impression; None where impression b is row b.
        parameters: W [in, out], b [1, out] of each layer, bottom first, tower after tower; the first W of a tower has
            as many rows as the blocks have columns together.
        depths: layers of each tower.
    """
    x = _Input(blocks, rows)
    towers, rest = [], iter(parameters)
    for depth in depths:
        layers = [(next(rest), next(rest)) for _ in range(depth)]
        weights, biases = [w for w, _ in layers], [b for _, b in layers]
        towers.append(_Tower(weights, biases, [np.empty((x.size, w.shape[1]), np.float32) for w in weights]))
    parallel_map(_forward, [(x, tower, cut) for tower in towers for cut in _cuts(x.size, len(towers))])
    return Pass(x, towers)


def backward(done: Pass, gradients: Sequence[Array]) -> list[Array]:
    """Gradients of `forward`'s blocks, then of its parameters, from those of its outputs."""
    x, towers = done.x, done.towers
    cuts = _cuts(x.size, len(towers))
    own = [{i: np.empty_like(block) for i, block, _ in x.own} for _ in towers]
    jobs = [
        (x, tower, gradient[cut], into, cut)
        for tower, gradient, into in zip(towers, gradients, own, strict=True)
        for cut in cuts
    ]
    pieces = parallel_map(_backward, jobs)
    blocks = {i: _sum([into[i] for into in own]) for i, _, _ in x.own}
    blocks |= {i: _sum([shared[i] for _, shared in pieces]) for i, _, _, _ in x.shared}
    of_tower = [pieces[start : start + len(cuts)] for start in range(0, len(pieces), len(cuts))]
    parameters = [_sum(values) for parts in of_tower for values in zip(*(part[0] for part in parts), strict=True)]
    return [*(blocks[i] for i in range(len(x.blocks))), *parameters]


@dataclass
class _Tower:
    """Weights and biases bottom first, and what each layer put out, ReLU applied to all but the last."""

    weights: list[Array]
    biases: list[Array]
    outputs: list[Array]


class _Input:
    """The blocks of `Features` as arrays."""

    def __init__(self, blocks: list[Array], rows: list[Array | None]) -> None:
        ends = np.cumsum([block.shape[1] for block in blocks])
        spans = [slice(end - block.shape[1], end) for block, end in zip(blocks, ends, strict=True)]
        everything = list(zip(range(len(blocks)), blocks, rows, spans, strict=True))
        self.own = [(i, block, span) for i, block, row_index, span in everything if row_index is None]
        self.shared = [(i, block, row_index, span) for i, block, row_index, span in everything if row_index is not None]
        self.size = len(blocks[0]) if rows[0] is None else len(rows[0])
        self.blocks = blocks


def _forward(x: _Input, tower: _Tower, cut: slice) -> None:
    """The tower's outputs for some of the impressions."""
    h = tower.outputs[0][cut]
    if not x.own:
        h[:] = 0.0
    for number, (_, block, span) in enumerate(x.own):
        if number == 0:
            np.matmul(block[cut], tower.weights[0][span], out=h)
        else:
            h += block[cut] @ tower.weights[0][span]
    for _, block, row_index, span in x.shared:
        rows, place = _rows_of(row_index[cut])
        kernels.add_rows(h, block[rows] @ tower.weights[0][span], place)
    for weight, bias, output in zip(tower.weights[1:], tower.biases, tower.outputs[1:], strict=False):
        kernels.bias_relu(h, bias)
        h = np.matmul(h, weight, out=output[cut])
    h += tower.biases[-1]


def _backward(
    x: _Input, tower: _Tower, gradient: Array, own: dict[int, Array], cut: slice
) -> tuple[list[Array], dict[int, Array]]:
    """For some of the impressions: gradients of the tower's parameters (W, b, W, b, ...) and, by number, of the shared
    blocks. Those of the own blocks go into `own`."""
    parameters = [gradient.sum(axis=0, keepdims=True)]
    for weight, output in zip(tower.weights[:0:-1], tower.outputs[-2::-1], strict=True):
        h = output[cut]
        parameters.append(h.T @ gradient)
        # A matrix product with one column is many times slower than the multiplication that it is.
        gradient = gradient * weight[:, 0] if weight.shape[1] == 1 else gradient @ weight.T
        bias = np.empty((1, gradient.shape[1]), np.float32)
        kernels.relu_backward(gradient, h, bias)
        parameters.append(bias)
    first = tower.weights[0]
    weight_gradient = np.empty_like(first)
    for i, block, span in x.own:
        np.matmul(block[cut].T, gradient, out=weight_gradient[span])
        np.matmul(gradient, first[span].T, out=own[i][cut])
    shared = {}
    for i, block, row_index, span in x.shared:
        rows, place = _rows_of(row_index[cut])
        by_row = np.empty((rows.stop - rows.start, gradient.shape[1]), np.float32)
        kernels.sum_rows(gradient, place, by_row)
        np.matmul(block[rows].T, by_row, out=weight_gradient[span])
        shared[i] = np.zeros_like(block)
        np.matmul(by_row, first[span].T, out=shared[i][rows])
    parameters.append(weight_gradient)
    return parameters[::-1], shared


def _rows_of(row_index: Array) -> tuple[slice, Array]:
    """The shared rows that a part of the impressions needs (they come in order of their rows), and each one's place."""
    first = row_index.min()
    return slice(first, row_index.max() + 1), row_index - first


def _sum(arrays: Sequence[Array]) -> Array:
    """Their sum, in the first one's memory."""
    total = arrays[0]
    for each in arrays[1:]:
        total += each
    return total


def _cuts(size: int, towers: int) -> list[slice]:
    """The impressions in as many parts as give every thread a tower or a part of one."""
    parts = max(1, min(-(-threads() // towers), size // _LEAST_ROWS))
    ends = [size * i // parts for i in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]
