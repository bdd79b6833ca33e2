"""A gradient clip that counts rows in: their gradient is part of the norm, and is scaled with the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Pairs = list[tuple[Any, Any]]


class ClipWithRows:
    """Stands where an optimizer keeps its clip.

    Args:
        clip: Paddle's.
        rows: called for pairs (what stands for a parameter, its gradient) of rows.

    Attributes:
        clipped: what the clip made of those gradients, in their order.
    """

    def __init__(self, clip: Callable[[Pairs], Pairs], rows: Callable[[], Pairs]) -> None:
        self._clip, self._rows = clip, rows
        self.clipped: list[Any] = []

    def __call__(self, dense: Pairs) -> Pairs:
        rows = self._rows()
        done = self._clip([*rows, *dense])
        self.clipped = [gradient for _, gradient in done[: len(rows)]]
        return done[len(rows) :]
