"""Items: what they are, what a user browsed, what a user is shown."""

import numpy as np
from numba import njit

from simulation.chance import key, normal, popular, uniform, whole
from simulation.people import FACTORS
from simulation.world import BRAND, CATEGORY, ITEM, ROW_EVENT, SHOP, SLOT, TEST, USER_EVENT, World

MAX_NODES = 24
_POOL = 32  # intention nodes that a category's items choose from
_SHOP, _BRAND, _BRANDED, _NODES, _NODES_ROUNDING, _NODE_START, _NODE_STEP = range(10, 17)
_MAX_TRIES = 6
_TASTE = 3.0
_ITEM_SHARES = tuple(np.sqrt((0.4, 0.25, 0.15, 0.2)))  # category, shop, brand, the item's own

_KIND, _EVENT, _SHARE, _NEW, _ROW_OWN = range(100, 105)
FROM_HISTORY, OF_A_BROWSED_CATEGORY = 0.2, 0.3


@njit(cache=True, nogil=True)
def category_of(world: World, item: int) -> int:
    """Its category: items of one slot share it, popular categories have many slots."""
    share = uniform(key(world.seed, SLOT, item % world.slots), 0)
    return popular(share, 0.1 * world.categories, world.categories)


@njit(cache=True, nogil=True)
def shop_of(world: World, item: int) -> int:
    """Its shop."""
    return popular(uniform(key(world.seed, ITEM, item), _SHOP), 0.04 * world.shops, world.shops)


@njit(cache=True, nogil=True)
def brand_of(world: World, item: int) -> int:
    """Its brand, or -1: 29 % of the items have none."""
    name = key(world.seed, ITEM, item)
    if uniform(name, _BRANDED) >= 0.712:
        return -1
    return popular(uniform(name, _BRAND), 0.04 * world.brands, world.brands)


@njit(cache=True, nogil=True)
def nodes_of(world: World, item: int, out: np.ndarray) -> int:
    """Fill out, shape (MAX_NODES,), with its distinct intention nodes from its category's pool; returns how many."""
    name = key(world.seed, ITEM, item)
    more = 4.95 * np.exp(0.5 * normal(name, _NODES) - 0.125)
    count = min(1 + int(more + uniform(name, _NODES_ROUNDING)), MAX_NODES, world.nodes)
    pool = key(world.seed, CATEGORY, category_of(world, item))
    start, step = whole(name, _NODE_START, _POOL), 2 * whole(name, _NODE_STEP, _POOL // 2) + 1
    for number in range(count):
        out[number] = (whole(pool, _SHOP, world.nodes) + (start + number * step) % _POOL) % world.nodes
    return count


@njit(cache=True, nogil=True)
def item_factors(world: World, item: int, out: np.ndarray) -> None:
    """Fill out, shape (FACTORS,), with the item's character: 80 % of it is its category's, shop's and brand's."""
    category = key(world.seed, CATEGORY, category_of(world, item))
    shop = key(world.seed, SHOP, shop_of(world, item))
    brand = key(world.seed, BRAND, brand_of(world, item))
    own = key(world.seed, ITEM, item)
    for factor in range(FACTORS):
        out[factor] = (
            _ITEM_SHARES[0] * normal(category, factor)
            + _ITEM_SHARES[1] * normal(shop, factor)
            + _ITEM_SHARES[2] * normal(brand, factor)
            + _ITEM_SHARES[3] * normal(own, factor)
        )


@njit(cache=True, nogil=True)
def _agreement(taste: np.ndarray, item: np.ndarray) -> float:
    """Scalar product of two characters, scaled to variance 1."""
    total = 0.0
    for factor in range(FACTORS):
        total += taste[factor] * item[factor]
    return total / np.sqrt(FACTORS)


@njit(cache=True, nogil=True)
def browsed_item(world: World, user: int, row: int, event: int, taste: np.ndarray, scratch: np.ndarray) -> int:
    """The item of a browsing event, drawn by popularity and by taste, the user's factors.

    Most events are the user's, so that his common rows look alike; some are new in each row, more of them in test,
    which is later.
    """
    name = key(world.seed, ROW_EVENT + world.part, (row << 16) + event)
    if uniform(name, _ROW_OWN) < 0.75 - 0.25 * world.part:
        name = key(world.seed, USER_EVENT, (user << 16) + event)
    item = 0
    for attempt in range(_MAX_TRIES):
        item = popular(uniform(name, 2 * attempt), 0.02 * world.items, world.items)
        item_factors(world, item, scratch)
        if uniform(name, 2 * attempt + 1) < 1 / (1 + np.exp(-_TASTE * _agreement(taste, scratch))):
            break
    return item


@njit(cache=True, nogil=True)
def shown_item(
    world: World, name: np.uint64, user: int, row: int, events: int, taste: np.ndarray, scratch: np.ndarray
) -> int:
    """The item of the exposure called `name`: one of the user's `events`, another of such a category, or anything."""
    kind = uniform(name, _KIND)
    item = popular(uniform(name, _SHARE), 0.02 * world.items, world.items)
    if events > 0 and kind < FROM_HISTORY + OF_A_BROWSED_CATEGORY:
        browsed = browsed_item(world, user, row, whole(name, _EVENT, events), taste, scratch)
        if kind < FROM_HISTORY:
            return browsed
        item += browsed % world.slots - item % world.slots
    if world.part == TEST and uniform(name, _NEW) < 0.1:
        # A new item, of the same category: what train never saw.
        return world.items + item % world.new_items
    return item
