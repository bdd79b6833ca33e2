"""Propensities for UNBIAS, two-fold: of a click, by a CTR net that was trained on the half without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rec.hashing import uniform
from rec.numeric import Array

HALVES = ("CTR on half 0", "CTR on half 1")
"""The two nets."""

_HALF = 4  # salt, as in `rec.compare.runs`


def half_of(digest: Array, seed: int) -> Array:
    """int64 [B], 0 or 1: the half of the impressions that each belongs to, by its id's digest."""
    return (uniform(digest, _HALF, seed) >= 0.5).astype(np.int64)


@dataclass(frozen=True)
class Propensities:
    """What UNBIAS weighs clicks with.

    A net predicts more of a row that it knows as clicked than of the row's like. Weights of its own training rows would
    come out too small, those of rare rows most of all.

    Attributes:
        digests: of the clicked training rows, uint64 [n], ascending.
        p_click: their pCTR, float32 [n].
        click_rate: clicks over impressions of the training rows.
    """

    digests: Array
    p_click: Array
    click_rate: float

    def of(self, digest: Array) -> Array:
        """float32 [B]: pCTR of clicked rows by their digest; 1 of others, which do not count."""
        if not len(self.digests):
            return np.ones(len(digest), np.float32)
        place = np.minimum(np.searchsorted(self.digests, digest), len(self.digests) - 1)
        return np.where(self.digests[place] == digest, self.p_click[place], np.float32(1))


def merge(halves: list[dict[str, Array]]) -> Propensities | None:
    """Those of both halves, each with `digests` and `p_click` of its clicks and the number of its `impressions`.

    None where there are no halves.
    """
    if not halves:
        return None
    digest, first = np.unique(np.concatenate([half["digests"] for half in halves]), return_index=True)
    p_click = np.concatenate([half["p_click"] for half in halves])
    impressions = sum(int(half["impressions"]) for half in halves)
    return Propensities(digest, p_click[first], len(p_click) / max(impressions, 1))
