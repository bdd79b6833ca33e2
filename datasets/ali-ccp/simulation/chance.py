"""Random numbers by name instead of in sequence.

A draw is a function of (seed, stream, index, number of the draw), so any user, item or exposure can be drawn again
at any time, in any order, by any thread, and nothing about it has to be remembered.
"""

import numpy as np

from simulation.compiled import compiled

# Splitmix64 (Steele, Lea, Flood 2014): its increment and the multipliers of its finaliser.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)
_27, _30, _31, _11 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(11)
_16, _32, _48, _LOW_16 = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(0xFFFF)
_UNIT = np.sqrt(3.0) / 65535


@compiled("uint64(uint64)")
def mix(bits: np.uint64) -> np.uint64:
    """64 bits in, 64 well-mixed bits out (one to one)."""
    bits = (bits ^ (bits >> _30)) * _MULTIPLY_1
    bits = (bits ^ (bits >> _27)) * _MULTIPLY_2
    return bits ^ (bits >> _31)


@compiled("uint64(int64, int64, int64)")
def key(seed: int, stream: int, index: int) -> np.uint64:
    """The name of one thing (user, item, exposure ...) that draws are made for."""
    return mix(mix(np.uint64(seed) + np.uint64(stream) * _STEP) + np.uint64(index) * _STEP)


@compiled("uint64(uint64, int64)")
def bits(name: np.uint64, draw: int) -> np.uint64:
    """64 random bits: draw number `draw` of the thing called `name`."""
    return mix(name + np.uint64(draw + 1) * _STEP)


@compiled("float64(uint64, int64)")
def uniform(name: np.uint64, draw: int) -> float:
    """In [0, 1)."""
    return np.float64(np.int64(bits(name, draw) >> _11)) * 2.0**-53


@compiled("int64(uint64, int64, int64)")
def whole(name: np.uint64, draw: int, size: int) -> int:
    """In 0 .. size - 1, all alike; size up to 2^32."""
    return np.int64(((bits(name, draw) >> _32) * np.uint64(size)) >> _32)


@compiled("float64(uint64, int64)")
def normal(name: np.uint64, draw: int) -> float:
    """Mean 0, variance 1, within +-3.46: the sum of four uniform numbers, one 64-bit draw and no logarithm."""
    word = bits(name, draw)
    total = (word & _LOW_16) + ((word >> _16) & _LOW_16) + ((word >> _32) & _LOW_16) + (word >> _48)
    return (np.float64(np.int64(total)) - 2 * 65535.0) * _UNIT


def normal_growth(rate: float) -> float:
    """E[exp(rate * normal)], exactly: what a log-normal factor is divided by to have mean 1."""
    half = np.sqrt(3.0) * rate / 2
    return 1.0 if half == 0 else float((np.sinh(half) / half) ** 4)


@compiled("int64(float64, float64, int64)")
def popular(share: float, scale: float, size: int) -> int:
    """An id in 0 .. size - 1 by popularity: the quantile `share` of a power law, p(k) ~ (1 + k / scale)^-2."""
    rank = np.int64(scale * share / (1.0 - share))
    # A division only where it is needed: it costs as much as all the rest.
    return rank if rank < size else rank % size
