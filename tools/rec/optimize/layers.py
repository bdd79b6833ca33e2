"""`nn.Embedding` layers with `sparse=True` in dynamic graph, looked up and moved by rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from types import MethodType
from typing import Any

import paddle

from rec.console import log
from rec.numeric import Array
from rec.optimize.clip import ClipWithRows, Pairs
from rec.optimize.looked_up import LookedUp
from rec.optimize.memory import of_tensor
from rec.optimize.rows import LARGE, Rows, padding_row
from rec.optimize.rule import NoRuleError, learning_rate, rule_for


class SparseLayers:
    """The embeddings of a network that are moved by rows: those with `sparse=True`, and large ones.

    A weight stays its layer's parameter, in its memory: whoever looks at it after `settle` sees what a dense optimizer
    would have made of it. Embeddings whose optimizer has no rule for rows, or which turn out to be used as a whole too,
    get dense gradients, which the log says.

    Args:
        net: the network.
        optimizers: those of its parameters.
    """

    def __init__(self, net: Any, optimizers: Sequence[Any]) -> None:
        self._tables: dict[str, LookedUp] = {}  # by the weight's name
        self._training = False
        for name, layer in embeddings(net):
            if not layer._sparse and layer.weight.shape[0] < LARGE:
                continue
            try:
                self._add(name, layer, _owner(layer.weight, optimizers))
            except NoRuleError as reason:
                if layer._sparse:
                    layer._sparse = False
                    log.info("embedding %s gets dense gradients: no rule for rows under %s", name, reason)
        for optimizer in optimizers:
            if optimizer._grad_clip is not None:
                optimizer._grad_clip = ClipWithRows(optimizer._grad_clip, partial(self._pairs, optimizer))

    def _add(self, name: str, layer: Any, optimizer: Any) -> None:
        if optimizer is None:
            raise NoRuleError("no optimizer")
        if not layer.weight.place.is_cpu_place():
            raise NoRuleError("a GPU")
        if type(layer).forward is not paddle.nn.Embedding.forward or layer._max_norm or layer._scale_grad_by_freq:
            raise NoRuleError("a lookup of another kind")
        padding = padding_row(layer._padding_idx, layer.weight.shape[0])
        table = self._tables.get(layer.weight.name)
        if table is None:
            rows = Rows(of_tensor(layer.weight), rule_for(optimizer, layer.weight, layer._sparse), name, padding)
            table = self._tables[layer.weight.name] = LookedUp(layer.weight, rows, optimizer)
        elif table.rows.padding != padding:
            raise NoRuleError("two padding ids")
        table.layers.append(layer)
        dense = layer.forward

        def forward(own: Any, ids: Any) -> Any:
            if own is not layer:  # a copy, which has a weight of its own
                return paddle.nn.Embedding.forward(own, ids)
            return table.look_up(ids) if self._training and paddle.in_dynamic_mode() else dense(ids)

        layer.forward = MethodType(forward, layer)

    @property
    def names(self) -> list[str]:
        """Paddle's names of the weights."""
        return list(self._tables)

    def begin(self) -> None:
        """A training step begins: lookups are of rows until `step`."""
        self._training = True

    def gather(self) -> None:
        """Take the gradients that the backward pass left at the step's lookups."""
        self._training = False
        for table in list(self._tables.values()):
            table.gather()
            if table.weight.grad is not None:
                self._make_dense(table)

    def gradient(self, weight: Any) -> Any:
        """A parameter's gradient after `gather`: of its rows alone, float32 [N, D], where it is moved by rows."""
        table = self._tables.get(weight.name)
        return weight.grad if table is None else table.gradient

    def step(self, optimizer: Any) -> None:
        """Let an optimizer move its parameters, rows among them."""
        rate = learning_rate(optimizer)
        optimizer.step()
        moved = self._moved_by(optimizer)
        if isinstance(optimizer._grad_clip, ClipWithRows):
            for table, clipped in zip(moved, optimizer._grad_clip.clipped, strict=True):
                table.gradient = clipped.numpy()
        for table in moved:
            table.push(rate)

    def _make_dense(self, table: LookedUp) -> None:
        """Go on with a dense gradient: the weight is used as a whole too, by a penalty or a product with it, say."""
        if table.rows.behind:
            log.warning(
                "embedding %s: step %d is the first to use its weight as a whole, and saw resting rows as they were "
                "looked up last", table.rows.name, table.rows.steps + 1,
            )  # fmt: skip
        log.info("embedding %s gets dense gradients: its weight is used as a whole too", table.rows.name)
        del self._tables[table.weight.name]
        for layer in table.layers:
            del layer.forward
            layer._sparse = False
        holder = table.optimizer._accumulators_holder  # where Paddle keeps states that were loaded until they are used
        if holder or not table.rows.fresh:
            states = {f"{table.weight.name}_{name}": value for name, value in table.rows.states().items()}
            holder.update({name: paddle.to_tensor(value) for name, value in states.items()})
        if len(table.ids):
            of_tensor(table.weight.grad)[table.ids] += table.gradient

    def _moved_by(self, optimizer: Any) -> list[LookedUp]:
        """What an optimizer has to move in this step."""
        return [table for table in self._tables.values() if table.optimizer is optimizer and len(table.ids)]

    def _pairs(self, optimizer: Any) -> Pairs:
        return [(table.weight, paddle.to_tensor(table.gradient)) for table in self._moved_by(optimizer)]

    def settle(self) -> None:
        """Catch up every row."""
        for table in self._tables.values():
            table.rows.settle()

    def states(self) -> dict[str, Array]:
        """Optimizer states of all these weights by the names that Paddle would give them."""
        return {
            f"{weight}_{name}": value
            for weight, table in self._tables.items()
            for name, value in table.rows.states().items()
        }

    def take(self, states: dict[str, Array]) -> dict[str, Array]:
        """Copy in what is given of `states()`, and take note that the weights were loaded; returns the rest."""
        rest = dict(states)
        for weight, table in self._tables.items():
            table.rows.weight = of_tensor(table.weight)
            names = {name: f"{weight}_{name}" for name in table.rows.state_names}
            table.rows.take({name: rest.pop(full) for name, full in names.items() if full in rest})
        return rest


def embeddings(net: Any) -> Iterator[tuple[str, Any]]:
    """All `nn.Embedding` layers of a network by name."""
    for name, layer in net.named_sublayers(include_self=True):
        if isinstance(layer, paddle.nn.Embedding):
            yield name or type(layer).__name__, layer


def _owner(weight: Any, optimizers: Sequence[Any]) -> Any:
    """The optimizer that moves a weight; None where none does."""
    if weight.stop_gradient:
        return None
    for optimizer in optimizers:
        groups = optimizer._parameter_list or []
        flat = [p for group in groups for p in (group["params"] if isinstance(group, dict) else [group])]
        if any(p is weight for p in flat):
            return optimizer
    return None
