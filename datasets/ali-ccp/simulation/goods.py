"""Items: what they are, what a user browsed, what a user is shown."""

import numpy as np

from simulation.chance import key, normal, popular, uniform, whole
from simulation.compiled import compiled
from simulation.world import BRAND, CATEGORY, EVENT, FACTORS, INTEREST, ITEM, ROW_OWN, SHOP, SLOT, TEST, World

MAX_NODES = 16
"""As many intention nodes as a category has for its items to choose from."""

# Draws of an item, of a category, of an event and of an exposure.
_SHOP, _BRAND, _BRANDED, _NODES, _NODES_ROUNDING, _NODE_START, _NODE_STEP = range(10, 17)
_FIRST_SHOP, _FIRST_BRAND, _FIRST_NODE = range(20, 23)
_KIND, _EVENT, _SHARE, _NEW, _ROW_OWN, _INTEREST = range(100, 106)
_GOLDEN = (5**0.5 - 1) / 2
_LARGE = 0.2  # large shops per category, as a share of all shops per category; brands likewise

_CATEGORY_SHARE, _SHOP_SHARE, _BRAND_SHARE, _OWN_SHARE = np.sqrt((0.4, 0.25, 0.15, 0.2))
_MAX_TRIES = 6
_TASTE = 1.5
FROM_HISTORY, OF_AN_INTEREST = 0.06, 0.62
NEW_ITEMS = 0.1
"""Share of test's exposures, beside those from a history, whose item train never saw."""
ITEM_SCALE, BLOCK_SCALE = 0.01, 0.03
"""Of the power laws of items and of blocks of items, as shares of their numbers."""


@compiled
def popular_item(world: World, share: float) -> int:
    """An item by popularity. Train has 12 exposures per item, 39 % of its items once (release: 13.2, 42.6 %)."""
    return popular(share, ITEM_SCALE * world.items, world.items)


@compiled
def category_of(world: World, item: int) -> int:
    """Its category: items whose numbers agree modulo `slots` share it, popular categories have many slots."""
    share = uniform(key(world.seed, SLOT, item % world.slots), 0)
    return popular(share, 0.1 * world.categories, world.categories)


@compiled("int64(int64, float64, float64, int64)")
def _popular_from(first: int, share: float, scale: float, size: int) -> int:
    """An entity out of `size` by popularity, where `first` is the most popular."""
    entity = first + popular(share, scale, size)
    return entity if entity < size else entity - size


@compiled
def describe(world: World, item: int) -> tuple[int, int, int]:
    """Its category, shop and brand, each category having its own large shops and brands; 29 % have no brand: -1."""
    category = category_of(world, item)
    name, kind = key(world.seed, ITEM, item), key(world.seed, CATEGORY, category)
    first, scale = whole(kind, _FIRST_SHOP, world.shops), _LARGE * world.shops / world.categories
    shop = _popular_from(first, uniform(name, _SHOP), scale, world.shops)
    # Evenly over the numbers and not by chance, or the few most popular items would decide the share of exposures.
    if (uniform(key(world.seed, BRAND, 0), _BRANDED) + item * _GOLDEN) % 1 >= 0.712:
        return category, shop, -1
    first, scale = whole(kind, _FIRST_BRAND, world.brands), _LARGE * world.brands / world.categories
    return category, shop, _popular_from(first, uniform(name, _BRAND), scale, world.brands)


@compiled
def nodes_of(world: World, item: int, category: int, most: int, out: np.ndarray) -> int:
    """Fill out with up to `most` of its distinct intention nodes, from its category's pool; returns how many."""
    name = key(world.seed, ITEM, item)
    more = 5.13 * np.exp(0.5 * normal(name, _NODES) - 0.125)
    count = min(1 + int(more + uniform(name, _NODES_ROUNDING)), most)
    first = whole(key(world.seed, CATEGORY, category), _FIRST_NODE, world.nodes)
    start, step = int(MAX_NODES * uniform(name, _NODE_START) ** 2), 2 * whole(name, _NODE_STEP, MAX_NODES // 2) + 1
    for number in range(count):
        node = first + (start + number * step) % MAX_NODES
        out[number] = node if node < world.nodes else node - world.nodes
    return count


@compiled
def item_factors(world: World, item: int, out: np.ndarray) -> None:
    """Fill out, shape (FACTORS,), with the item's character: 80 % of it is its category's, shop's and brand's."""
    category, shop, brand = describe(world, item)
    names = key(world.seed, CATEGORY, category), key(world.seed, SHOP, shop), key(world.seed, BRAND, brand)
    own = key(world.seed, ITEM, item)
    for factor in range(FACTORS):
        out[factor] = _CATEGORY_SHARE * normal(names[0], factor) + _SHOP_SHARE * normal(names[1], factor)
        out[factor] += _BRAND_SHARE * normal(names[2], factor) + _OWN_SHARE * normal(own, factor)


@compiled
def _liking(world: World, taste: np.ndarray, category: int) -> float:
    """Probability in proportion to which a user with that taste, shape (FACTORS,), browses a category."""
    name, total = key(world.seed, CATEGORY, category), 0.0
    for factor in range(FACTORS):
        total += taste[factor] * normal(name, factor)
    liking = _TASTE * total
    return 0.5 + 0.5 * liking / (1 + abs(liking))


@compiled
def _personal(world: World, kind: int, user: int, row: int, number: int) -> np.uint64:
    """What `chance` calls a user's interest or event.

    Most are the user's, so that his common rows look alike; some a row's own, more of them in test, which is later.
    """
    name = key(world.seed, ROW_OWN + world.part, (row << 20) + (kind << 16) + number)
    if uniform(name, _ROW_OWN) < 0.8 - 0.2 * world.part:
        return key(world.seed, kind, (user << 16) + number)
    return name


@compiled
def interest(world: World, user: int, row: int, number: int, taste: np.ndarray) -> int:
    """The slot of items that a user's interest is about, drawn by popularity and by taste, the user's factors."""
    name, slot = _personal(world, INTEREST, user, row, number), 0
    for attempt in range(_MAX_TRIES):
        slot = popular_item(world, uniform(name, 2 * attempt)) % world.slots
        if uniform(name, 2 * attempt + 1) < _liking(world, taste, category_of(world, slot)):
            break
    return slot


@compiled
def _first_of_block(world: World, share: float) -> int:
    """The item in slot 0 of a block, by popularity, though flatter: a user's interest goes beyond the best known."""
    blocks = world.items // world.slots
    return world.slots * popular(share, BLOCK_SCALE * blocks, blocks)


@compiled
def browse_event(world: World, user: int, row: int, event: int, interests: int) -> tuple[np.uint64, int, int]:
    """The name of a browsing event, the number of the interest it follows, and the item if its slot is 0."""
    name = _personal(world, EVENT, user, row, event)
    return name, int(interests * uniform(name, _INTEREST) ** 2), _first_of_block(world, uniform(name, _SHARE))


@compiled
def shown_item(
    world: World, name: np.uint64, user: int, row: int, events: int, interests: int, taste: np.ndarray
) -> int:
    """The item of the exposure called `name`: one that the user browsed, another of that slot, or anything."""
    kind = uniform(name, _KIND)
    share = uniform(name, _SHARE)
    item = popular_item(world, share)
    if events > 0 and kind < FROM_HISTORY + OF_AN_INTEREST:
        _, number, browsed = browse_event(world, user, row, whole(name, _EVENT, events), interests)
        slot = interest(world, user, row, number, taste)
        if kind < FROM_HISTORY:
            return browsed + slot
        item = _first_of_block(world, share) + slot
    if world.part == TEST and uniform(name, _NEW) < NEW_ITEMS:
        # A new item, of the same category: what train never saw.
        return world.items + item % world.new_items
    return item
