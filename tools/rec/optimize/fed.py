"""Lookups with `sparse=True` in a static training program, while it is built: their rows are fed.

PIR makes the gradient of an embedding dense whatever it was asked for. So such a lookup becomes one in a small matrix,
fed with a batch's distinct rows; the gradient of that is what `rec.optimize.program` moves the rows by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import paddle
from paddle.base import libpaddle

from rec.optimize.clip import ClipWithRows, Pairs
from rec.optimize.rows import padding_row
from rec.optimize.rule import NoRuleError, Rule, rule_for


@dataclass
class Fed:
    """An embedding whose rows are fed.

    Attributes:
        weight: the parameter, a variable that the training program does not read.
        values: the fed rows, [N, D].
        padding: the id that stands for nothing, or None.
        sparse: whether a sparse gradient was asked for.
        lookups: pairs (ids, fed places of the ids among the rows).
        gradient: that of `values`, clipped, once the optimizer has been asked for it.
    """

    weight: Any
    values: Any
    padding: int | None
    sparse: bool
    lookups: list[tuple[Any, Any]]
    gradient: Any = None


class FedRows:
    """What becomes of a program's sparse lookups while it is built.

    Attributes:
        fed: by the weight's name.
        optimizer: the one that minimises.
        rules: how rows move, by the weight's name.
    """

    def __init__(self) -> None:
        self.fed: dict[str, Fed] = {}
        self.optimizer: Any = None
        self.rules: dict[str, Rule] = {}

    def look_up(self, ids: Any, weight: Any, padding_idx: int | None, sparse: bool) -> Any:
        """The lookup's result, [..., D]; `sparse`: as the model asked for."""
        block = libpaddle.pir.get_current_insertion_point().block()
        if block != paddle.static.default_main_program().global_block():
            raise NoRuleError("a lookup in a branch or a loop")
        name, padding = weight.name, padding_row(padding_idx, int(weight.shape[0]))
        fed = self.fed.get(name)
        if fed is None:
            values = paddle.static.data(f"{name}@rows", [-1, int(weight.shape[1])], weight.dtype)
            values.stop_gradient = False
            fed = self.fed[name] = Fed(weight, values, padding, sparse, [])
        elif fed.padding != padding:
            raise NoRuleError("two padding ids")
        places = paddle.static.data(f"{name}@places_{len(fed.lookups)}", list(ids.shape), "int64")
        fed.lookups.append((ids, places))
        return paddle._C_ops.embedding(places, fed.values, -1 if padding is None else 0, False)

    @contextmanager
    def minimising(self) -> Iterator[None]:
        """Within, an optimizer that minimises computes the gradients of the rows with the others, and clips them."""
        original = paddle.optimizer.Optimizer.backward

        def backward(optimizer: Any, loss: Any, *args: Any, **kwargs: Any) -> Pairs:
            if not self.fed:
                return original(optimizer, loss, *args, **kwargs)
            if self.optimizer is not None:
                raise NoRuleError("several optimizers")
            self.optimizer = optimizer
            return self._backward(lambda: original(optimizer, loss, *args, **kwargs))

        paddle.optimizer.Optimizer.backward = backward
        try:
            yield
        finally:
            paddle.optimizer.Optimizer.backward = original

    def _is_read(self, parameter: Any) -> bool:
        """Whether the program reads a parameter; Paddle warns of a gradient by one that it does not."""
        return parameter.name not in self.fed or not parameter.use_empty()

    def _backward(self, compute: Callable[[], Pairs]) -> Pairs:
        fed, optimizer = list(self.fed.values()), self.optimizer
        module = paddle.autograd.ir_backward
        original = module.grad

        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> list[Any]:
            if not self.fed.keys() <= {parameter.name for parameter in inputs}:
                raise NoRuleError("an optimizer of other parameters")
            used = [parameter for parameter in inputs if self._is_read(parameter)]
            everything = original(outputs, [*used, *(each.values for each in fed)], *args, **kwargs)
            for each, gradient in zip(fed, everything[len(used) :], strict=True):
                each.gradient = gradient
            found = iter(everything)
            return [next(found) if self._is_read(parameter) else None for parameter in inputs]

        module.grad = grad
        try:
            pairs = compute()
        finally:
            module.grad = original
        if {parameter.name for parameter, _ in pairs} & self.fed.keys():
            raise NoRuleError("a weight that is used as a whole too")
        self.rules = {name: rule_for(optimizer, each.weight, each.sparse) for name, each in self.fed.items()}
        if any(each.gradient is None for each in fed):
            raise NoRuleError("a lookup that the loss does not depend on")
        if optimizer._grad_clip is not None:
            optimizer._grad_clip = _clip(optimizer._grad_clip, fed)
        return pairs


def _clip(clip: Any, fed: list[Fed]) -> Callable[[Pairs], Pairs]:
    with_rows = ClipWithRows(clip, lambda: [(each.weight, each.gradient) for each in fed])

    def call(dense: Pairs) -> Pairs:
        done = with_rows(dense)
        for each, gradient in zip(fed, with_rows.clipped, strict=True):
            each.gradient = gradient
        return done

    return call
