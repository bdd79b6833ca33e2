"""What makes people click and convert: the truth that labels are drawn from and that models are measured against."""

import math
from typing import NamedTuple

import numpy as np

from rec.errors import UserError
from simulation.actions import LIKE_RATE, preferences
from simulation.chance import uniform
from simulation.compiled import compiled
from simulation.goods import item_factors, shown_item
from simulation.hidden import both_moods
from simulation.history import CATEGORIES, SHOPS
from simulation.people import history_tokens, row_exposures, row_user, user_factors
from simulation.requests import REQUEST, examined, exposure_name, lay_out
from simulation.settings import Settings
from simulation.world import FACTORS, World

_LOGIT_SPREAD = 1.5  # standard deviation of both logits, what is learnable and what is not together
_USER, _ITEM, _MATCH = np.sqrt((0.3, 0.4, 0.3))
# The rule of those who rarely click, at right angles to (_USER, _ITEM, _MATCH): what sells an item there puts off here.
_OTHER_USER, _OTHER_ITEM, _OTHER_MATCH = np.sqrt(0.2), -np.sqrt(0.6), np.sqrt(0.2)
_POSITION, _CLICK, _CONVERSION = range(110, 113)
_POSITION_SHARES, _POSITION_EFFECTS = (0.70, 0.92), (0.15, -0.2, -0.6)
# Click rate at the head, the middle and the tail of the release's file.
_DRIFT_HEAD, _DRIFT_MIDDLE, _DRIFT_TAIL = np.log((0.0452, 0.0366, 0.0315))
_SAMPLE = 1 << 19  # exposures that the intercepts are fitted on
_BISECTIONS = 60

# Of the release's 9,032 conversions 230 have no click.
_CLICKLESS = 230 / (9032 - 230)


class Truth(NamedTuple):
    """The constants of the logits; by centre and spread, scores get mean 0 and variance 1 over exposures."""

    gain: float
    selection: float
    centre: tuple[float, float, float]
    spread: tuple[float, float, float]
    click: float
    conversion: float
    clickless: float
    """Probability that an exposure without a click is logged with a conversion: noise, no part of the truth."""
    position_effect: float
    information: float
    cart: float
    like: float
    confounding: float
    """How far the hidden state moves either logit."""
    turned: float = 0.0
    """How far, as a share of 90 degrees, conversions follow the other rule everywhere."""


@compiled
def scores(user: np.ndarray, item: np.ndarray) -> tuple[float, float, float]:
    """From factors, shape (FACTORS,): how much is in favour of a click, of a conversion, of one by the other rule."""
    click = _USER * user[0] + _ITEM * item[0] + _MATCH * (user[1] * item[1] + user[2] * item[2]) / np.sqrt(2.0)
    match = (user[4] * item[4] + user[5] * item[5]) / np.sqrt(2.0)
    return (
        click,
        _USER * user[3] + _ITEM * item[3] + _MATCH * match,
        _OTHER_USER * user[3] + _OTHER_ITEM * item[3] + _OTHER_MATCH * match,
    )


@compiled
def position(name: np.uint64) -> int:
    """Which of the three positions (field 301) the exposure called `name` stands at."""
    share = uniform(name, _POSITION)
    return int(share >= _POSITION_SHARES[0]) + int(share >= _POSITION_SHARES[1])


@compiled
def drift(time: float) -> float:
    """What is added to a click's logit at a time that runs from 0 at the file's head to 1 at its end."""
    half = 2 * time - 1
    return _DRIFT_MIDDLE + abs(half) * ((_DRIFT_HEAD if half < 0 else _DRIFT_TAIL) - _DRIFT_MIDDLE)


@compiled
def mean_over_time(logit: float) -> float:
    """Mean over the whole file of sigmoid(logit + drift(time)): no input tells an exposure's time.

    On either side of the middle the drift is a straight line, over which the mean of a sigmoid is a difference of its
    integral, log(1 + e^x).
    """
    head, tail = np.log1p(np.exp(logit + _DRIFT_HEAD)), np.log1p(np.exp(logit + _DRIFT_TAIL))
    middle = np.log1p(np.exp(logit + _DRIFT_MIDDLE))
    return ((head - middle) / (_DRIFT_HEAD - _DRIFT_MIDDLE) + (tail - middle) / (_DRIFT_TAIL - _DRIFT_MIDDLE)) / 2


@compiled
def affinity_to_convert(selection: float, click: float, own: float, other: float) -> float:
    """From standardised scores: s * click + sqrt(1 - s^2) * (own turned towards the other rule), s = selection.

    It is turned by up to s * 90 degrees, the more the less the exposure asks for a click.
    """
    turn = selection * np.pi / 2 / (1 + np.exp(2 * click))
    convert = np.cos(turn) * own + np.sin(turn) * other
    return selection * click + np.sqrt(1 - selection**2) * convert


@compiled
def logits(truth: Truth, raw: tuple[float, float, float], place: int, time: float) -> tuple[float, float]:
    """Logit of a click and of a conversion given a click; `time` runs from 0 at the file's head to 1 at its end."""
    click = (raw[0] - truth.centre[0]) / truth.spread[0]
    own = (raw[1] - truth.centre[1]) / truth.spread[1]
    other = (raw[2] - truth.centre[2]) / truth.spread[2]
    turn = truth.turned * np.pi / 2
    own, other = np.cos(turn) * own + np.sin(turn) * other, np.cos(turn) * other - np.sin(turn) * own
    convert = affinity_to_convert(truth.selection, click, own, other)
    return (
        truth.click + truth.gain * click + _POSITION_EFFECTS[place] + drift(time),
        truth.conversion + truth.gain * convert,
    )


@compiled
def action_logits(
    truth: Truth, raw: tuple[float, float, float], conversion_logit: float, user: np.ndarray, item: np.ndarray
) -> tuple[float, float]:
    """Logit of a cart and of a like given a click."""
    click = (raw[0] - truth.centre[0]) / truth.spread[0]
    convert = conversion_logit - truth.conversion
    cart, like = preferences(truth.gain, truth.information, click, convert, user, item)
    return truth.cart + cart, truth.like + like


@compiled
def labels(truth: Truth, name: np.uint64, p_click: float, p_conversion: float) -> tuple[int, int]:
    """Click and conversion as the log has them."""
    if uniform(name, _CLICK) < p_click:
        return 1, int(uniform(name, _CONVERSION) < p_conversion)
    return 0, int(uniform(name, _CONVERSION) < truth.clickless)


def attenuation(learnability: float) -> float:
    """Standard deviation of a logit once the noise of single exposures is averaged out.

    Noise that each exposure has for itself never shows in data but by flattening probabilities. With noise of the
    bridge distribution (Wang and Louis, Biometrika 2003) this is exact: E[sigmoid(x + noise)] = sigmoid(x * flattened),
    flattened = 1 / sqrt(1 + 3 * variance / pi^2).
    """
    learnable, noise = learnability * _LOGIT_SPREAD**2, (1 - learnability) * _LOGIT_SPREAD**2
    return math.sqrt(learnable / (1 + 3 * noise / math.pi**2))


@compiled
def _sample(world: World, truth: Truth, rows: int, step: int, most: int, out: np.ndarray) -> int:
    """Scores, logits and p(examined) of up to `most` exposures of every step-th row; returns how many.

    They go into out (capacity, 8): three scores, logits of click, conversion, cart and like, p(examined).
    """
    taste, item, places = np.empty(FACTORS), np.empty(FACTORS), np.ones(REQUEST, np.int64)
    count = 0
    for row in range(0, rows, step):
        user = row_user(world, row)
        user_factors(world, user, taste)
        events, interests = history_tokens(world, user, SHOPS), max(1, history_tokens(world, user, CATEGORIES))
        served = row_exposures(world, row)
        for number in range(min(most, served, len(out) - count)):
            if number % REQUEST == 0 and truth.position_effect > 0:
                size = min(REQUEST, served - number)
                lay_out(world, user, row, number, size, events, interests, taste, places)
            name = exposure_name(world, row, number)
            item_factors(world, shown_item(world, name, user, row, events, interests, taste), item)
            raw = scores(taste, item)
            out[count, :3] = raw
            out[count, 3:5] = logits(truth, raw, position(name), row / rows)
            out[count, 5:7] = action_logits(truth, raw, out[count, 4], taste, item)
            out[count, 7] = examined(truth.position_effect, places[number % REQUEST])
            count += 1
    return count


def intercept(logit: np.ndarray, weight: np.ndarray, rate: float) -> float:
    """The number that, added to the logits, makes their weighted mean probability the rate."""
    low, high = -40.0, 40.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        mean = np.average(1 / (1 + np.exp(-(logit + middle))), weights=weight)
        low, high = (middle, high) if mean < rate else (low, middle)
    return (low + high) / 2


def calibrate(train: World, settings: Settings, rows: int) -> Truth:
    """The truth of these settings: affinities standardised and rates met on (a sample of) train's exposures.

    `rows` are train's common rows. Test is drawn from the same truth.
    """
    few = REQUEST if settings.position_effect else 4
    step, most = (1, _SAMPLE) if settings.exposures <= _SAMPLE else (max(1, rows * few // _SAMPLE), few)
    clickless = _CLICKLESS * settings.click_rate * settings.conversion_rate / (1 - settings.click_rate)
    nothing = (0.0, 0.0, 0.0)
    gain, effect, information = attenuation(settings.learnability), settings.position_effect, settings.cart_information
    confounding = settings.hidden_confounding
    rates = (0.0, 0.0, clickless, effect, information, 0.0, 0.0, confounding)
    truth = Truth(gain, settings.selection_bias, nothing, (1.0,) * 3, *rates)
    sample = np.empty((_SAMPLE, 8))
    count = _sample(train, truth, rows, step, most, sample)
    centre, spread = sample[:count, :3].mean(axis=0), np.maximum(sample[:count, :3].std(axis=0), 1e-6)
    truth = truth._replace(centre=tuple(map(float, centre)), spread=tuple(map(float, spread)))
    count = _sample(train, truth, rows, step, most, sample)
    click_logit, conversion_logit, cart_logit, like_logit, looked_at = sample[:count, 3:].T
    if settings.click_rate >= 0.95 * looked_at.mean():
        raise UserError(f"--click-rate {settings.click_rate:g}: only {looked_at.mean():.3f} of exposures are examined")
    if confounding:
        click_logit, conversion_logit = (both_moods(each, confounding) for each in (click_logit, conversion_logit))
        cart_logit, like_logit, looked_at = (np.tile(each, 2) for each in (cart_logit, like_logit, looked_at))
    click = intercept(click_logit, looked_at, settings.click_rate / looked_at.mean())
    clicked = looked_at / (1 + np.exp(-(click_logit + click)))
    # Carts lie half-way between clicks and conversions, as rates go.
    return truth._replace(
        click=click,
        conversion=intercept(conversion_logit, clicked, settings.conversion_rate),
        cart=intercept(cart_logit, clicked, math.sqrt(settings.conversion_rate)),
        like=intercept(like_logit, clicked, LIKE_RATE),
    )
