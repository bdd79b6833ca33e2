"""Items: what they are, what a user browsed, what a user is shown."""

import numpy as np
from numba import njit

from simulation.chance import key, normal, popular, uniform, whole
from simulation.world import BRAND, CATEGORY, FACTORS, ITEM, ROW_EVENT, SHOP, SLOT, TEST, USER_EVENT, World

MAX_NODES = 24
_POOL = 32  # intention nodes that a category's items choose from
# Draws of an item, of a category, of an event and of an exposure.
_SHOP, _BRAND, _BRANDED, _NODES, _NODES_ROUNDING, _NODE_START, _NODE_STEP = range(10, 17)
_FIRST_SHOP, _FIRST_BRAND, _FIRST_NODE = range(20, 23)
_KIND, _EVENT, _SHARE, _NEW, _ROW_OWN = range(100, 105)

_CATEGORY_SHARE, _SHOP_SHARE, _BRAND_SHARE, _OWN_SHARE = np.sqrt((0.4, 0.25, 0.15, 0.2))
_MAX_TRIES = 6
_TASTE = 3.0
FROM_HISTORY, OF_A_BROWSED_CATEGORY = 0.2, 0.3


@njit(cache=True, nogil=True)
def popular_item(world: World, share: float) -> int:
    """13.5 exposures per item, 42 % of the items seen once: as in the release (13.2, 42.6 %)."""
    return popular(share, 0.015 * world.items, world.items)


@njit(cache=True, nogil=True)
def category_of(world: World, item: int) -> int:
    """Its category: items whose numbers agree modulo `slots` share it, popular categories have many slots."""
    share = uniform(key(world.seed, SLOT, item % world.slots), 0)
    return popular(share, 0.1 * world.categories, world.categories)


@njit(cache=True, nogil=True)
def describe(world: World, item: int) -> tuple[int, int, int]:
    """Its category, shop and brand; each category has its own large shops and brands, 29 % of the items no brand: -1."""
    category = category_of(world, item)
    name, kind = key(world.seed, ITEM, item), key(world.seed, CATEGORY, category)
    shop = whole(kind, _FIRST_SHOP, world.shops) + popular(uniform(name, _SHOP), 0.001 * world.shops, world.shops)
    if uniform(name, _BRANDED) >= 0.712:
        return category, shop % world.shops, -1
    brand = whole(kind, _FIRST_BRAND, world.brands) + popular(uniform(name, _BRAND), 0.001 * world.brands, world.brands)
    return category, shop % world.shops, brand % world.brands


@njit(cache=True, nogil=True)
def nodes_of(world: World, item: int, category: int, most: int, out: np.ndarray) -> int:
    """Fill out with up to `most` of its distinct intention nodes, from its category's pool; returns how many."""
    name = key(world.seed, ITEM, item)
    more = 5.0 * np.exp(0.5 * normal(name, _NODES) - 0.125)
    count = min(1 + int(more + uniform(name, _NODES_ROUNDING)), most)
    first = whole(key(world.seed, CATEGORY, category), _FIRST_NODE, world.nodes)
    start, step = whole(name, _NODE_START, _POOL), 2 * whole(name, _NODE_STEP, _POOL // 2) + 1
    for number in range(count):
        out[number] = (first + (start + number * step) % _POOL) % world.nodes
    return count


@njit(cache=True, nogil=True)
def item_factors(world: World, item: int, out: np.ndarray) -> None:
    """Fill out, shape (FACTORS,), with the item's character: 80 % of it is its category's, shop's and brand's."""
    category, shop, brand = describe(world, item)
    names = key(world.seed, CATEGORY, category), key(world.seed, SHOP, shop), key(world.seed, BRAND, brand)
    own = key(world.seed, ITEM, item)
    for factor in range(FACTORS):
        out[factor] = _CATEGORY_SHARE * normal(names[0], factor) + _SHOP_SHARE * normal(names[1], factor)
        out[factor] += _BRAND_SHARE * normal(names[2], factor) + _OWN_SHARE * normal(own, factor)


@njit(cache=True, nogil=True)
def _liking(world: World, taste: np.ndarray, category: int) -> float:
    """Probability in proportion to which a user with that taste, shape (FACTORS,), browses a category."""
    name, total = key(world.seed, CATEGORY, category), 0.0
    for factor in range(FACTORS):
        total += taste[factor] * normal(name, factor)
    return 1 / (1 + np.exp(-_TASTE * total / np.sqrt(FACTORS)))


@njit(cache=True, nogil=True)
def browsed_item(world: World, user: int, row: int, event: int, taste: np.ndarray) -> int:
    """The item of a browsing event, drawn by popularity and by taste, the user's factors.

    Most events are the user's, so that his common rows look alike; some are new in each row, more of them in test,
    which is later.
    """
    name = key(world.seed, ROW_EVENT + world.part, (row << 16) + event)
    if uniform(name, _ROW_OWN) < 0.75 - 0.25 * world.part:
        name = key(world.seed, USER_EVENT, (user << 16) + event)
    item = 0
    for attempt in range(_MAX_TRIES):
        item = popular_item(world, uniform(name, 2 * attempt))
        if uniform(name, 2 * attempt + 1) < _liking(world, taste, category_of(world, item)):
            break
    return item


@njit(cache=True, nogil=True)
def shown_item(world: World, name: np.uint64, user: int, row: int, events: int, taste: np.ndarray) -> int:
    """The item of the exposure called `name`: one of the user's `events`, another of such a category, or anything."""
    kind = uniform(name, _KIND)
    item = popular_item(world, uniform(name, _SHARE))
    if events > 0 and kind < FROM_HISTORY + OF_A_BROWSED_CATEGORY:
        browsed = browsed_item(world, user, row, whole(name, _EVENT, events), taste)
        if kind < FROM_HISTORY:
            return browsed
        item += browsed % world.slots - item % world.slots
    if world.part == TEST and uniform(name, _NEW) < 0.1:
        # A new item, of the same category: what train never saw.
        return world.items + item % world.new_items
    return item
