"""What goes on inside a network: which ReLUs ever fire, and which ids are looked up."""

from __future__ import annotations

from typing import Any

from paddle import nn

from rec.errors import UserError
from rec.nn import layers
from rec.nn.layers import MLP
from rec.numeric import Array

_MODULE: Any = layers


class Activity:
    """Watches the ReLUs of a network while it is entered: hidden layers of our towers, and `nn.ReLU` anywhere."""

    def __init__(self, net: Any) -> None:
        self._layers = dict(_relu_inputs(net))
        self._fired: dict[str, Array] = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> Activity:
        self._usable = _MODULE.usable
        _MODULE.usable = _never  # one by one: inside the operator for whole towers nothing can be seen
        for name, layer in self._layers.items():
            self._hooks.append(layer.register_forward_post_hook(self._watch(name)))
        return self

    def __exit__(self, *_: Any) -> None:
        _MODULE.usable = self._usable
        for hook in self._hooks:
            hook.remove()

    def idle(self) -> dict[str, float]:
        """Share of units that never fired, by layer."""
        return {name: 1 - float(fired.mean()) for name, fired in self._fired.items()}

    def _watch(self, name: str) -> Any:
        def hook(layer: Any, inputs: Any, output: Any) -> None:
            values = output.numpy()
            fired = (values.reshape(-1, values.shape[-1]) > 0).any(axis=0)
            before = self._fired.get(name)
            self._fired[name] = fired if before is None or len(before) != len(fired) else before | fired

        return hook


def _never(x: Any) -> bool:
    return False


def _relu_inputs(net: Any) -> list[tuple[str, Any]]:
    """Layers whose output is positive where a ReLU fires, by name."""
    found = []
    for name, layer in net.named_sublayers():
        if isinstance(layer, MLP):
            found += [(f"{name}.hidden.{index}", hidden) for index, hidden in enumerate(layer.hidden)]
        elif isinstance(layer, nn.ReLU):
            found.append((name, layer))
    return found


def check_ids(net: Any) -> None:
    """Make every `nn.Embedding` of a network refuse ids that its table does not have.

    Paddle itself reads foreign memory, or dies, at some of them. Calls with such an id raise UserError.
    """
    for name, layer in net.named_sublayers():
        if isinstance(layer, nn.Embedding):
            layer.register_forward_pre_hook(_refuse_outside(name, int(layer.weight.shape[0])))


def _refuse_outside(name: str, rows: int) -> Any:
    def hook(layer: Any, inputs: Any) -> None:
        ids = inputs[0].numpy()
        if ids.size and (ids.min() < 0 or ids.max() >= rows):
            odd = ids.max() if ids.max() >= rows else ids.min()
            raise UserError(f"id {odd} is outside the embedding table {name} of {rows} rows (ids 0 to {rows - 1})")

    return hook
