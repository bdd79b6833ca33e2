"""What users do after a click besides converting: cart, like, watch, rate; and what an item costs."""

import numpy as np

from behaviours import BEHAVIOURS
from simulation.chance import key, normal, normal_growth, uniform
from simulation.compiled import compiled
from simulation.goods import category_of
from simulation.world import CATEGORY, ITEM, World

_PRICE = 19  # draw of an item and of a category
_CART, _LIKE, _WATCH, _STARS = 121, 122, 123, 124  # draws of an exposure
_HALF = np.sqrt(0.5)
_LIKE_CLICK, _LIKE_OWN = 0.6, 0.8
_WATCH_BASE, _WATCH_SPREAD, _WATCH_NOISE, _WATCH_LIKED = 3.0, 0.6, 0.8, 0.9  # of the logarithm of seconds
_WATCH_GROWTH = normal_growth(_WATCH_NOISE)
_MORE_STARS = 4
LIKE_RATE = 0.15
NUM_COLUMN = len(BEHAVIOURS)
CART, LIKE, WATCH_TIME, RATING, PRICE, POSITION, REQUEST_ID = range(7)
P_CART, P_WITH_CART, P_WITHOUT, P_LIKE, MEAN_WATCH_TIME, MEAN_RATING, P_EXAMINED, P_RELEVANCE = range(7, NUM_COLUMN)


@compiled
def preferences(
    gain: float, information: float, click: float, convert_logit: float, user: np.ndarray, item: np.ndarray
) -> tuple[float, float]:
    """Logits of a cart and of a like given a click, without their intercepts.

    `click` is the standardised affinity to click, `convert_logit` the conversion's logit without its intercept.
    """
    cart = information * convert_logit + np.sqrt(1 - information**2) * gain * _HALF * (user[4] + item[5])
    like = gain * (_LIKE_CLICK * click + _LIKE_OWN * _HALF * (user[2] + item[1]))
    return cart, like


@compiled
def chain(information: float, p_cart: float, p_conversion: float) -> tuple[float, float]:
    """p(conversion | cart) and p(conversion | click, no cart); mixed by p_cart they are p_conversion exactly.

    Of the conversions a share goes by way of the cart: as many as of all clicks without information, and with full
    information all of them, or as many as there are carts.
    """
    share = p_cart + information * (min(1.0, p_cart / p_conversion) - p_cart)
    return p_conversion * share / p_cart, p_conversion * (1 - share) / (1 - p_cart)


@compiled
def price_of(world: World, item: int, factors: np.ndarray) -> float:
    """An item's price, whole cents; what sells well is rather cheap."""
    own, kind = key(world.seed, ITEM, item), key(world.seed, CATEGORY, category_of(world, item))
    return round(100 * np.exp(3.5 + 0.8 * normal(kind, _PRICE) + 0.4 * normal(own, _PRICE) - 0.3 * factors[3])) / 100


@compiled
def act(
    information: float,
    gain: float,
    name: np.uint64,
    logits: tuple[float, float],
    p_conversion: float,
    click: int,
    conversion: int,
    user: np.ndarray,
    item: np.ndarray,
    out: np.ndarray,
) -> None:
    """Draw the actions of the exposure called `name` into out [NUM_COLUMN], in the order of BEHAVIOURS.

    The cart is drawn given click and conversion, by Bayes' rule: clicks and conversions are the same whether anybody
    asks for carts or not. Price, position, request and examination are the caller's to fill in.
    """
    p_cart, p_like = 1 / (1 + np.exp(-logits[0])), 1 / (1 + np.exp(-logits[1]))
    with_cart, without = chain(information, p_cart, p_conversion)
    watch = _WATCH_BASE + _WATCH_SPREAD * gain * _HALF * (user[5] + item[2])
    star = 1 / (1 + np.exp(-0.5 - gain * _HALF * (user[1] + item[4])))
    out[:] = 0
    out[P_CART], out[P_WITH_CART], out[P_WITHOUT], out[P_LIKE] = p_cart, with_cart, without, p_like
    out[MEAN_WATCH_TIME] = np.exp(watch) * _WATCH_GROWTH * (1 + p_like * (np.exp(_WATCH_LIKED) - 1))
    out[MEAN_RATING] = 1 + _MORE_STARS * star
    if click == 0:
        return
    in_cart = p_cart * with_cart / p_conversion if conversion else p_cart * (1 - with_cart) / (1 - p_conversion)
    out[CART] = int(uniform(name, _CART) < in_cart)
    out[LIKE] = int(uniform(name, _LIKE) < p_like)
    out[WATCH_TIME] = np.exp(watch + _WATCH_LIKED * out[LIKE] + _WATCH_NOISE * normal(name, _WATCH))
    out[RATING] = 1
    for number in range(_MORE_STARS):
        out[RATING] += int(uniform(name, _STARS + number) < star)
