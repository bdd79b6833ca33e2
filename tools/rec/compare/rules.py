"""How often a training impression counts, by the rules of the paper's competitors.

Every choice is a function of the impression's id, so that it is the same in each epoch and for any size of batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rec.config.compare import Rule
from rec.numeric import Array

_PRIME, _BASIS = np.uint64(0x100000001B3), np.uint64(0xCBF29CE484222325)


def digests(sample_ids: Array) -> Array:
    """uint64 [n] of ids, whole numbers or texts, the same whatever type they come in (FNV-1a of the text in UTF-8)."""
    ids = np.asarray(sample_ids)
    texts = np.ascontiguousarray(np.char.encode(ids, "utf-8") if ids.dtype.kind == "U" else ids.astype("S"))
    letters = texts.view(np.uint8).reshape(len(texts), texts.dtype.itemsize)
    hashed = np.full(len(texts), _BASIS)
    with np.errstate(over="ignore"):
        for column in letters.T:  # zeros fill up to the longest id of the batch: they must not count
            hashed = np.where(column == 0, hashed, (hashed ^ column) * _PRIME)
    return hashed


def copies(
    rule: Rule, labels: Mapping[str, Array], u: Array, rate: float | None = None, weight: Array | None = None
) -> Array:
    """How many times each impression is trained on, int64 [n].

    Args:
        rule: `all`; `clicked` (BASE); `aman`: the clicked, and of the others a share `rate` as negatives;
            `oversampling`: the clicked, conversions `rate` times; `unbias`: the clicked, `weight` times in the mean.
        labels: `click` and `conversion`, [n].
        u: uniform in [0, 1), [n].
        weight: of each impression, [n], for `unbias`.
    """
    click, conversion = labels["click"] == 1, labels["conversion"] == 1
    if rule == "all":
        return np.ones(len(u), np.int64)
    if rule == "aman" and rate is not None:
        return (click | (u < rate)).astype(np.int64)
    if rule == "oversampling" and rate is not None:
        return np.where(click & conversion, int(rate), click).astype(np.int64)
    if rule == "unbias" and weight is not None:
        return np.where(click, np.floor(weight + u), 0).astype(np.int64)
    return click.astype(np.int64)


def inverse_propensity(p_click: Array, rate: float, clip: float) -> Array:
    """p(x) / p(x | click) = rate / p(click | x), float64 [n], at most `clip`; `rate` is the mean of p(click)."""
    return np.minimum(rate / np.maximum(p_click.astype(np.float64), 1e-12), clip)
