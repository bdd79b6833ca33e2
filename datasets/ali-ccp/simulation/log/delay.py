"""How long after its click a conversion comes: a law whose scale depends on the price and on the user.

delay_scale, in days, is delay_days e^(delay_spread z), z of mean 0 and variance 1: half of it is the standardised
logarithm of the price, which a column tells, and half the user's own. With s for it, P(delay <= h) is

    exponential  1 - e^(-h/s)
    weibull      1 - e^(-sqrt(h/s)): many soon, some very late
    mixture      the mean of the exponential laws of s and of s/24

each given that it is at most `attribution_days`, so that p_conversion is what the final label was drawn with.
"""

from typing import NamedTuple

import numpy as np

from simulation.chance import key, normal, uniform
from simulation.compiled import compiled
from simulation.log.blocks import SIZE, Block
from simulation.log.rule import standardised_price
from simulation.log.settings import LAWS, LogSettings
from simulation.log.world import IMPRESSION, PATIENCE

NONE, EXPONENTIAL, WEIBULL, MIXTURE = range(len(LAWS))
FAST = 1 / 24
"""Scale of a mixture's other half, as a share of the slow one's: hours for days."""
_HOW_LONG, _WHICH = 200, 201  # draws of an impression


class Delay(NamedTuple):
    """A law of delays: its number among LAWS, the log of the median scale, its spread, and the most that there is."""

    seed: int
    law: int
    log_days: float
    spread: float
    most: float

    def of(self, first_request: int, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Of each impression delay_scale and the delay that its conversion has, or would have, in days, float64 [n]."""
        first = SIZE * first_request
        return _draw(self, first, block.user, block.price)

    def chance_by(self, days: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """P(delay <= days) of conversions of these scales, in days, float64 [n]."""
        return _by(self.law, np.minimum(days, self.most), scale) / _by(self.law, self.most, scale)


def delay_of(settings: LogSettings) -> Delay | None:
    """The law of these settings; None where conversions have no time."""
    law = LAWS.index(settings.delay)
    if law == NONE:
        return None
    return Delay(settings.seed, law, np.log(settings.delay_days), settings.delay_spread, settings.attribution_days)


def _by(law: int, days: np.ndarray | float, scale: np.ndarray) -> np.ndarray:
    """The laws as they are without a greatest delay."""
    if law == WEIBULL:
        return -np.expm1(-np.sqrt(days / scale))
    slow = -np.expm1(-days / scale)
    return (slow - np.expm1(-days / (FAST * scale))) / 2 if law == MIXTURE else slow


@compiled
def _draw(delay: Delay, first: int, users: np.ndarray, prices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scales and delays of impressions, numbered from `first` on."""
    scales, days = np.empty(len(users)), np.empty(len(users))
    for at in range(len(users)):
        name = key(delay.seed, IMPRESSION, first + at)
        own = normal(key(delay.seed, PATIENCE, users[at]), 0)
        z = (standardised_price(prices[at]) + own) * np.sqrt(0.5)
        scales[at] = scale = np.exp(delay.log_days + delay.spread * z)
        if delay.law == MIXTURE:  # which half, given that the delay is no longer than it may be
            slow, fast = -np.expm1(-delay.most / scale), -np.expm1(-delay.most / (FAST * scale))
            if uniform(name, _WHICH) * (slow + fast) >= slow:
                scale *= FAST
        power = 0.5 if delay.law == WEIBULL else 1.0
        share = -np.expm1(-((delay.most / scale) ** power))
        days[at] = scale * (-np.log1p(-share * uniform(name, _HOW_LONG))) ** (1 / power)
    return scales, days
