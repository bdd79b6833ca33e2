"""Numbers as good as random that are functions of what they are drawn for: no generator's state to keep or to share."""

from __future__ import annotations

import numpy as np

from rec.numeric import Array

_STEP = 0x9E3779B97F4A7C15


def mix(values: Array) -> Array:
    """uint64 of the same shape whose bits all depend on all bits of `values` (Steele et al. 2014, splitmix64)."""
    z = values.astype(np.uint64) + np.uint64(_STEP)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def uniform(digest: Array, *salt: int) -> Array:
    """Numbers in [0, 1), float64 [n], of digests (uint64 [n]); independent of those of another salt."""
    word = digest
    for number in (0, *salt):
        word = mix(word + np.uint64(number * _STEP % 2**64))
    return (word >> np.uint64(11)).astype(np.float64) * 2.0**-53
