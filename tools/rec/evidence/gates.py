"""What the gates of a network with experts weigh these with, on test rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec.evidence.opened import Opened
from rec.evidence.scored import predict
from rec.evidence.shuffled import Pool
from rec.nn.multitask import MultiTask
from rec.nn.sharing.base import SharingLayer
from rec.nn.sharing.ple import PLE
from rec.numeric import Array


@dataclass(frozen=True)
class Gates:
    """Of a group of experts.

    Attributes:
        group: its name.
        experts: their names.
        weights: mean weights by tower, float [E].
        varying: their standard deviations over rows, float [E]: a gate whose weights do not vary chooses nothing.
    """

    group: str
    experts: list[str]
    weights: dict[str, Array]
    varying: dict[str, Array]


def gates(opened: Opened, pool: Pool) -> list[Gates]:
    """Over the rows of a pool; nothing where the network has no gates."""
    engine: Any = opened.run.engine
    net = engine.net
    if not isinstance(net, MultiTask):
        return []
    pieces: dict[str, dict[str, list[Array]]] = {}
    for batch in pool.batches:
        predict(opened, batch)
        for group, weights in net.sharing.weighed.items():
            for tower, each in zip(net.graph.towers, weights, strict=True):
                pieces.setdefault(group, {}).setdefault(tower, []).append(each.numpy())
        if not pieces:
            return []
    return [
        Gates(group, _names(net.sharing, group, towers), _each(towers, np.mean), _each(towers, np.std))
        for group, towers in pieces.items()
    ]


def _names(sharing: SharingLayer, group: str, towers: Mapping[str, list[Array]]) -> list[str]:
    if group in sharing.expert_names:
        return sharing.expert_names[group]
    own = len(sharing.levels[0].own[0]) if isinstance(sharing, PLE) else 0
    most = max(found[0].shape[1] for found in towers.values())
    return [f"own {at + 1}" for at in range(own)] + [f"shared {at + 1}" for at in range(most - own)]


def _each(towers: Mapping[str, list[Array]], statistic: Any) -> dict[str, Array]:
    return {tower: statistic(np.concatenate(found), axis=0) for tower, found in towers.items()}
