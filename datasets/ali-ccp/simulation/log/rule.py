"""What makes people click and convert: the rule that the labels are drawn by."""

from typing import NamedTuple

import numpy as np

from simulation.compiled import compiled
from simulation.log.settings import HISTORIES, LogSettings
from simulation.truth import affinity_to_convert

NONE, POOLED, ORDER = range(len(HISTORIES))
LENGTH = 50
"""Items that a history holds, the last ones clicked."""

_POOLED, _ORDER, _FADING = 2 * np.sqrt(2.0), 5.0, 0.8
_HOUR, _CONVERSION_GAIN = 0.3, 1.2
_WAVE = 1.5
_WAVE_SPREAD = np.sqrt((1 - np.exp(-2 * _WAVE**2)) / 2)  # of sin(_WAVE z) for normal z
_LOG_PRICE, _LOG_PRICE_SPREAD = 3.5, 0.8


class Rule(NamedTuple):
    """The constants of the logits; `centre` and `spread` make the affinity to click one of mean 0 and variance 1."""

    smooth: float
    steps: float
    history: int
    selection: float
    centre: float = 0.0
    spread: float = 1.0
    click: float = 0.0
    conversion: float = 0.0
    drift: float = 0.0


def rule_of(settings: LogSettings) -> Rule:
    """The rule before it is calibrated."""
    history = HISTORIES.index(settings.history)
    return Rule(settings.smooth, settings.steps, history, settings.selection_bias, drift=settings.drift)


@compiled
def price_of(standardised: float) -> float:
    """A price in whole cents; its logarithm is normal."""
    return round(100 * np.exp(_LOG_PRICE + _LOG_PRICE_SPREAD * standardised)) / 100


@compiled
def liking_of_price(price: float) -> float:
    """A wave in the price's logarithm; mean 0 and variance 1 where prices are log-normal."""
    return np.sin(_WAVE * (np.log(price) - _LOG_PRICE) / _LOG_PRICE_SPREAD) / _WAVE_SPREAD


@compiled
def standardised_price(price: float) -> float:
    """Its logarithm, of mean 0 and variance 1."""
    return (np.log(price) - _LOG_PRICE) / _LOG_PRICE_SPREAD


@compiled
def pull_of_history(
    history: int, style: np.ndarray, categories: int, clicked: np.ndarray, clicks: int, item: int
) -> float:
    """What a history adds to a click's logit; an empty one adds 0.

    ORDER: 5 times how well the item matches the history's items, a mean in which each weighs 4/5 of the one clicked
    after it. An item of another category matches by 0, one of the same by (1 + cosine of the styles) / 2. POOLED:
    2 sqrt(2) times the mean of the styles' first number over all items, whatever item is shown.

    Args:
        history: NONE, POOLED or ORDER.
        style: float64 (items, 2), of length 1.
        categories: item i is of category i % categories.
        clicked: (LENGTH,): click number n is at n % LENGTH.
        clicks: how many there were.
        item: the one that is shown.
    """
    total, weights, weight = 0.0, 0.0, 1.0
    for click in range(clicks - 1, max(-1, clicks - 1 - LENGTH), -1):
        other = clicked[click % LENGTH]
        if history == POOLED:
            total += _POOLED * style[other, 0]
        elif history == ORDER and other % categories == item % categories:
            cosine = style[other, 0] * style[item, 0] + style[other, 1] * style[item, 1]
            total += _ORDER * weight * (1 + cosine) / 2
        weights += weight
        if history == ORDER:
            weight *= _FADING
    return total / weights if weights > 0 else 0.0


@compiled
def logits(
    rule: Rule, raw: tuple[float, float, float], price: float, step: float, hour: int, pull: float
) -> tuple[float, float]:
    """Logit of a click and of a conversion given a click, both without their intercepts.

    Args:
        rule: its constants.
        raw: what `truth.scores` makes of a user and an item.
        price: the item's at that day.
        step: of the user's age.
        hour: 0 to 23.
        pull: of the user's history.
    """
    click = raw[0] + rule.smooth * liking_of_price(price) + rule.steps * step + pull
    click -= _HOUR * np.cos(2 * np.pi * hour / 24)
    standardised = (click - rule.centre) / rule.spread
    return click, _CONVERSION_GAIN * affinity_to_convert(rule.selection, standardised, raw[1], raw[2])
