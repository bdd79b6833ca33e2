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
from rec.nn.sharing.ple import PLE
from rec.numeric import Array


@dataclass(frozen=True)
class Gates:
    """Of a group of experts.

    Attributes:
        group: its name.
        own: how many of a tower's experts are its own; the others are shared by all.
        weights: mean weights by tower, float [E].
        varying: their standard deviations over rows, float [E]: a gate whose weights do not vary chooses nothing.
    """

    group: str
    own: int
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
    own = len(net.sharing.levels[0].own[0]) if isinstance(net.sharing, PLE) else 0
    return [Gates(group, own, _each(towers, np.mean), _each(towers, np.std)) for group, towers in pieces.items()]


def _each(towers: Mapping[str, list[Array]], statistic: Any) -> dict[str, Array]:
    return {tower: statistic(np.concatenate(found), axis=0) for tower, found in towers.items()}
