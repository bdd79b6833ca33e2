"""Weightings that want a batch's losses once more, after the update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from paddle import nn

from rec.numeric import Array


class SecondLook(nn.Layer):
    """Base of such a weighting. The engine computes the losses again and puts what follows from them in place.

    Attributes:
        names: of the losses.
        kept: float32, what the weighting remembers: a parameter that no optimizer moves, saved with the weights.
    """

    names: Sequence[str]
    kept: Any

    def moved(self, kept: Array, before: Array, now: Array) -> Array:
        """The next `kept` from a batch's losses before and after a step, float64 [T] in the order of `names`."""
        raise NotImplementedError


def next_kept(look: SecondLook, kept: Array, before: dict[str, Array], now: dict[str, Array]) -> Array:
    """The same from losses by `loss_<name>`."""
    sides = [np.array([np.asarray(side[f"loss_{name}"]).item() for name in look.names]) for side in (before, now)]
    return look.moved(kept, *sides).astype(np.float32)
