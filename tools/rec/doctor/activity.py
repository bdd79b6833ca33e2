"""What goes on inside a network: which ReLUs ever fire."""

from __future__ import annotations

from typing import Any

from paddle import nn

from rec.nn.layers import MLP
from rec.numeric import Array


class Activity:
    """Watches the ReLUs of a network while it is entered: hidden layers of our towers, and `nn.ReLU` anywhere."""

    def __init__(self, net: Any) -> None:
        self._layers = dict(_relus(net))
        self._fired: dict[str, Array] = {}
        self._hooks: list[Any] = []

    def __enter__(self) -> Activity:
        for name, layer in self._layers.items():
            self._hooks.append(layer.register_forward_post_hook(self._watch(name)))
        return self

    def __exit__(self, *_: Any) -> None:
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


def _relus(net: Any) -> list[tuple[str, Any]]:
    """Layers whose output is positive where a ReLU fires, by name."""
    found = []
    for name, layer in net.named_sublayers():
        if isinstance(layer, MLP):
            found += [(f"{name}.hidden.{index}", after) for index, after in enumerate(layer.activations)]
        elif isinstance(layer, nn.ReLU):
            found.append((name, layer))
    return found
