"""Interactions where each tower may have an embedding space, and an interaction, of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import paddle

from rec.nn.features import Features


def interact(features: Features, interactions: Sequence[Any], dim: int) -> list[Any]:
    """What each interaction makes of its embedding space: `Features` or tensors [B, width].

    A field's vector holds the spaces in turn, of each `dim` columns and then the interaction's extra ones.
    """
    extra = interactions[0].extra
    spaces = [features] if len(interactions) == 1 else features.spaces(*[dim + extra] * len(interactions))
    return [
        layer(*space.spaces(dim, extra)) if extra else layer(space)
        for layer, space in zip(interactions, spaces, strict=True)
    ]


def with_added(logits: Mapping[str, Any], interactions: Sequence[Any]) -> dict[str, Any]:
    """The towers' logits, float [B, 1] by name, with what interactions add to them; that of shared spaces, to all."""
    added = [columns for layer in interactions for columns in layer.logits]
    if not added:
        return dict(logits)
    columns, count = paddle.concat(added, axis=1), len(logits)
    found = {name: logit + columns[:, at : at + 1] for at, (name, logit) in enumerate(logits.items())}
    shared = range(count, int(columns.shape[1]))
    return {name: sum((columns[:, at : at + 1] for at in shared), logit) for name, logit in found.items()}
