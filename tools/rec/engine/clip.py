"""Gradients made shorter before anything moves: those of the network and of the batch's table rows together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from rec.distributed.ranks import here
from rec.numeric import Array


@dataclass(frozen=True)
class Clip:
    """`optimizer.clip_value` cuts each number of a gradient to [-v, v]; `optimizer.clip_norm` then multiplies all by
    min(1, c / norm), where the norm is that of all numbers together (Pascanu et al., ICML 2013).

    A table row's gradient is the sum over its tokens in the batch, as its optimizer sees it; rows that do not move have
    none.
    """

    value: float | None
    norm: float | None

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Clip | None:
        """That of an optimizer's section; None where it asks for none."""
        value, norm = section.get("clip_value"), section.get("clip_norm")
        return cls(value, norm) if value or norm else None

    def __call__(self, gradients: Sequence[Any], divided: int = 0) -> list[Any]:
        """Arrays or tensors, clipped; those that were given stay as they are.

        `divided`: how many of them, the first ones, are this trainer's parts of what several have.
        """
        found = list(gradients)
        if self.value:
            found = [_cut(each, self.value) for each in found]
        if self.norm:
            parts = here().total(sum(map(_squares, found[:divided]))) if divided else 0.0
            norm = math.sqrt(parts + sum(map(_squares, found[divided:])))
            if norm > self.norm:
                found = [each * _like(each, self.norm / norm) for each in found]
        return found


def _cut(gradient: Any, limit: float) -> Any:
    if isinstance(gradient, np.ndarray):
        return np.clip(gradient, np.float32(-limit), np.float32(limit))
    return paddle.clip(gradient, -limit, limit)


def _squares(gradient: Any) -> float:
    array: Array = gradient if isinstance(gradient, np.ndarray) else gradient.numpy()
    return float(np.sum(np.square(array, dtype=np.float64)))


def _like(gradient: Any, factor: float) -> Any:
    return np.float32(factor) if isinstance(gradient, np.ndarray) else factor
