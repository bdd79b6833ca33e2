"""A network's parameters as arrays, in either graph mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import paddle

from rec.numeric import Array
from rec.optimize.memory import of_tensor, of_variable


class Weights(Protocol):
    """Those of a network, by the names that checkpoints have."""

    def read(self, name: str) -> Array:
        """A copy of one."""

    def write(self, name: str, value: Array) -> None:
        """Give one other values; on the CPU in its place, whose memory the host's optimizer knows."""


class Parameters:
    """Those of a network in dynamic graph."""

    def __init__(self, net: Any) -> None:
        self._parameters = dict(net.named_parameters())

    def read(self, name: str) -> Array:
        return np.array(self._parameters[name].numpy())

    def write(self, name: str, value: Array) -> None:
        parameter = self._parameters[name]
        if parameter.place.is_cpu_place():
            of_tensor(parameter)[...] = value
        else:
            parameter.set_value(value)


class Variables:
    """Those of a program.

    Args:
        scope: where its variables are.
        place: where their memory is.
        names: Paddle's names by those of checkpoints; either is understood.
    """

    def __init__(self, scope: Any, place: Any, names: Mapping[str, str]) -> None:
        self._scope, self._place, self._names = scope, place, names

    def read(self, name: str) -> Array:
        return np.array(self._tensor(name))

    def set(self, name: str, value: Array) -> None:
        """Give a variable its values, in memory of its own."""
        self._tensor(name).set(value, self._place)

    def write(self, name: str, value: Array) -> None:
        if isinstance(self._place, paddle.CPUPlace):
            of_variable(self._scope, self._names.get(name, name))[...] = value
        else:
            self.set(name, value)

    def _tensor(self, name: str) -> Any:
        return self._scope.find_var(self._names.get(name, name)).get_tensor()
