"""Rates of items with few impressions, drawn towards what is usual: empirical Bayes with a beta distribution.

An item's rate is taken to be drawn from Beta(a, b), its s successes in n trials from Binomial(n, rate). a and b are
fitted to all items' s and n (their beta-binomial likelihood); the rate is then Beta(a + s, b + n - s), whose mean lies
between s / n and a / (a + b), the nearer to the former the larger n is against a + b.

Source: Efron 2010, Large-Scale Inference, chapter 1; Skellam 1948, J. R. Stat. Soc. B 10:257-261 (the likelihood).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln
from scipy.stats import beta

from rec.numeric import Array

_STRONGEST = 1e7
"""a + b of items that do not differ: their rates are all the same then."""


@dataclass(frozen=True)
class Prior:
    """Beta(a, b), what rates are usual."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        """Of the items' rates."""
        return self.a / (self.a + self.b)

    @property
    def strength(self) -> float:
        """How many trials of an item weigh as much as what is usual."""
        return self.a + self.b

    def rates(self, successes: Array, trials: Array) -> Array:
        """Each item's shrunk rate, float64 [n]."""
        return np.asarray((successes + self.a) / (trials + self.strength))

    def bounds(self, successes: Array, trials: Array) -> tuple[Array, Array]:
        """Of their 95 % intervals, float64 [n] each."""
        given = successes + self.a, trials - successes + self.b
        return beta.ppf(0.025, *given), beta.ppf(0.975, *given)

    def above(self, rate: float, successes: Array, trials: Array) -> Array:
        """The probability that an item's rate is above another, float64 [n]."""
        return np.asarray(beta.sf(rate, successes + self.a, trials - successes + self.b))


def fit(successes: Array, trials: Array) -> Prior | None:
    """Of n items, integers [n] each; None where there is no success, or nothing but successes.

    Items without a trial say nothing.
    """
    total, all_trials = float(np.sum(successes)), float(np.sum(trials))
    if not 0 < total < all_trials:
        return None
    pairs, counts = np.unique(np.stack([successes, trials], axis=1), axis=0, return_counts=True)
    s, n = pairs[:, 0].astype(np.float64), pairs[:, 1].astype(np.float64)

    def cost(x: Array) -> float:
        a, b = _of(x)
        return -float(counts @ (betaln(a + s, b + n - s) - betaln(a, b)))

    rate = total / all_trials
    starts = [np.array([np.log(rate / (1 - rate)), np.log(strength)]) for strength in (3.0, 30.0, 300.0)]
    bounds = [(-30.0, 30.0), (np.log(1e-2), np.log(_STRONGEST))]
    best = min((minimize(cost, x, method="L-BFGS-B", bounds=bounds) for x in starts), key=lambda each: each.fun)
    return Prior(*_of(best.x))


def _of(x: Array) -> tuple[float, float]:
    """a and b of logit mean and log strength."""
    mean, strength = 1 / (1 + np.exp(-x[0])), np.exp(x[1])
    return float(strength * mean), float(strength * (1 - mean))
