"""The layers that networks are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any, TypeAlias

import paddle
from paddle import nn
from pydantic import Field

from rec.nn.between import PLAIN, Activation, Between, ones_column
from rec.nn.features import Features
from rec.nn.towers import fused_towers

Sizes: TypeAlias = Sequence[Annotated[int, Field(gt=0)]]
"""Units of each hidden layer, bottom first."""


class Linear(nn.Layer):
    """x W + b for a tensor [B, in_features] or `Features` of that width; float [B, out_features].

    The bias is added as a product with a column of ones: Paddle's own bias gradient is a slow sum over the batch
    (4.0 ms against 0.26 ms at [1024, 512] on two CPU cores). It is `start` at first, and W drawn, or 0 where `zero`.
    """

    def __init__(self, in_features: int, out_features: int, start: float = 0.0, zero: bool = False) -> None:
        super().__init__()
        drawn = nn.initializer.Constant(0.0) if zero else nn.initializer.XavierUniform()
        self.weight = self.create_parameter([in_features, out_features], default_initializer=drawn)
        constant = nn.initializer.Constant(start)
        self.bias = self.create_parameter([1, out_features], is_bias=True, default_initializer=constant)

    @property
    def linears(self) -> list[Linear]:
        """Itself: a stack of one."""
        return [self]

    @property
    def fused(self) -> bool:
        """There is nothing between one layer."""
        return True

    def top(self, x: Any) -> Any:
        """Its output as it is."""
        return x

    def forward(self, x: Any) -> Any:
        product = x.matmul(self.weight)
        return product + paddle.matmul(ones_column(product), self.bias)


def hidden_layer(in_features: int, out_features: int, between: Between) -> Linear:
    """A layer below others. Batch norm takes its bias away again, so that nothing but rounding would move that."""
    layer = Linear(in_features, out_features)
    layer.bias.stop_gradient = between.norm == "batch"
    return layer


class Stack(nn.Layer):
    """Layers with ReLU between them, on `Features` or a tensor [B, in_features].

    Attributes:
        activations: what becomes of each hidden layer's output, bottom first.
        between: what the config says of them.
    """

    activations: Sequence[Activation]
    between: Between

    @property
    def linears(self) -> list[Linear]:
        """The layers, bottom first."""
        raise NotImplementedError

    @property
    def fused(self) -> bool:
        """Whether nothing but ReLU stands between layers, so that they may be part of one operator."""
        return self.between == PLAIN or all(activation.plain for activation in self.activations)

    def top(self, x: Any) -> Any:
        """What becomes of the last layer's output."""
        return x

    def forward(self, x: Features | Any) -> Any:
        return side_by_side([self], x)[0]


class MLP(Stack):
    """A tower: hidden layers of `sizes` units with ReLU, and a linear layer to one logit on top.

    Args:
        in_features: width of the input.
        sizes: units of each hidden layer, bottom first; empty: logistic regression.
        between: what stands between layers beside ReLU.
        out_features: of the top.
        start: its bias at first.

    Returns of forward: logits, float [B, out_features].
    """

    def __init__(
        self, in_features: int, sizes: Sizes, between: Between = PLAIN, out_features: int = 1, start: float = 0.0
    ) -> None:
        super().__init__()
        widths, self.between = [in_features, *sizes], between
        self.hidden = nn.LayerList([hidden_layer(a, b, between) for a, b in pairwise(widths)])
        self.activations = nn.LayerList([Activation(width, between) for width in sizes])
        self.logit = Linear(widths[-1], out_features, start)

    @property
    def linears(self) -> list[Linear]:
        return [*self.hidden, self.logit]


def side_by_side(stacks: Sequence[Stack | Linear], x: Features | Any) -> list[Any]:
    """What each makes of the same input: float [B, its last width] each.

    On the host they are one operator, but those between whose layers there is more than ReLU.
    """
    fused: Iterator[Any] = iter(())
    plain = [isinstance(x, Features) and x.on_host and stack.fused for stack in stacks]
    if any(plain):
        alike = [stack for stack, is_plain in zip(stacks, plain, strict=True) if is_plain]
        fused = iter(fused_towers(x, [[(layer.weight, layer.bias) for layer in stack.linears] for stack in alike]))
    outputs = [next(fused) if is_plain else _one_by_one(s, x) for s, is_plain in zip(stacks, plain, strict=True)]
    return [stack.top(output) for stack, output in zip(stacks, outputs, strict=True)]


def each_on(stacks: Sequence[Stack | Linear], inputs: Sequence[Features | Any]) -> list[Any]:
    """What each makes of its own input; those that see the same one run side by side."""
    outputs: list[Any] = [None] * len(stacks)
    alike: dict[int, list[int]] = {}
    for number, x in enumerate(inputs):
        alike.setdefault(id(x), []).append(number)
    for numbers in alike.values():
        for number, output in zip(numbers, side_by_side([stacks[i] for i in numbers], inputs[numbers[0]]), strict=True):
            outputs[number] = output
    return outputs


def _one_by_one(stack: Stack | Linear, x: Features | Any) -> Any:
    if isinstance(stack, Linear):
        return stack(x)
    *below, last = stack.linears
    for layer, activation in zip(below, stack.activations, strict=False):  # the last layer's is `top`
        x = activation(layer(x))
    return last(x)
