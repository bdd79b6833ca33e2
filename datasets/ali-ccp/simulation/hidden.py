"""A hidden state of an exposure that makes for a click and for a conversion alike: what no field tells.

It is +1 or -1, by a coin: the mean over it is that of two probabilities, exactly. Whoever is in the mood clicks and
converts, so that given the fields a click still tells of the conversion: the conversions of clicked exposures are not
missing at random.
"""

import numpy as np

from simulation.chance import uniform
from simulation.compiled import compiled

_MOOD = 114  # draw of an exposure


@compiled
def mood(name: np.uint64) -> float:
    """The state of the exposure called `name`, +1 or -1."""
    return 1.0 if uniform(name, _MOOD) < 0.5 else -1.0


@compiled
def sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit))."""
    return 1 / (1 + np.exp(-logit))


@compiled
def mean_over_mood(logit: float, confounding: float) -> float:
    """The probability whose logit is moved by `confounding` in either direction."""
    return (sigmoid(logit + confounding) + sigmoid(logit - confounding)) / 2


def both_moods(values: np.ndarray, confounding: float) -> np.ndarray:
    """Logits, float64 [n], in either state, one after the other, float64 [2 n]."""
    return np.concatenate([values + confounding, values - confounding])
