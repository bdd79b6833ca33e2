"""A parameter's own memory as an array that may be written to."""

from __future__ import annotations

from typing import Any

import numpy as np

from rec.numeric import Array


def of_tensor(tensor: Any) -> Array:
    """That of a tensor in dynamic graph, on the CPU."""
    return np.from_dlpack(tensor.detach())


def of_variable(scope: Any, name: str) -> Array:
    """That of a variable in a scope, on the CPU."""
    return of_dense_tensor(scope.find_var(name).get_tensor())


def of_dense_tensor(tensor: Any) -> Array:
    """That of a `DenseTensor` on the CPU. (`np.asarray` would copy it.)"""
    return np.from_dlpack(_Exported(tensor))


class _Exported:
    """NumPy's protocol for what Paddle exports under other names."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def __dlpack__(self, **_: Any) -> Any:
        return self._tensor._to_dlpack_versioned()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the CPU
