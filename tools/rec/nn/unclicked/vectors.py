"""What heads see of an impression besides `Features`."""

from __future__ import annotations

from typing import Any

from rec.nn.features import Features
from rec.nn.layers import MLP, Linear


def dense(x: Features | Any) -> Any:
    """float [B, width]."""
    return x.dense() if isinstance(x, Features) else x


def given(x: Features | Any) -> Features | Any:
    """The same, through which no gradient passes."""
    if not isinstance(x, Features):
        return x.detach()
    return x.of([block.detach() for block in x.fields], x.field_rows, [block.detach() for block in x.more])


def reversed_gradient(x: Any) -> Any:
    """x, whose gradient is turned round below (Ganin and Lempitsky, ICML 2015)."""
    return 2.0 * x.detach() - x


def layers_of(tower: MLP, x: Features | Any) -> list[Any]:
    """What each hidden layer of a tower puts out, float [B, its units], and its logit, [B, 1]; layer by layer."""
    found: list[Any] = []
    layer: Linear
    for layer, activation in zip(tower.hidden, tower.activations, strict=True):
        x = activation(layer(x))
        found.append(x)
    return [*found, tower.logit(x)]
