"""A common row's four histories: what a user browsed in 14 days, counted."""

from typing import NamedTuple

import numpy as np

from fields import FIELD_NAMES
from simulation.chance import bits, key, mix, uniform, whole
from simulation.compiled import compiled
from simulation.goods import MAX_NODES, browse_event, describe, interest, nodes_of
from simulation.people import history_tokens
from simulation.world import HISTORIES, ROW, World

CATEGORIES, SHOPS, BRANDS, NODES = range(4)
HISTORY_FIELDS = tuple(FIELD_NAMES.index(name) for name in HISTORIES)
_VISITS, _NODE_COUNT, _ELSEWHERE, _OTHER_SHOP, _OTHER_BRAND = range(200, 205)
_FILL = 300


class History(NamedTuple):
    """Four hash tables from entity to count, cleared and used again for every row."""

    entity: np.ndarray  # (4, slots) int64
    twelfths: np.ndarray  # (4, slots) int64: twelve times the count, for an item's nodes share a visit; 0: free
    place: np.ndarray  # (4, slots) int64: the slots in use, in order of arrival
    used: np.ndarray  # (4,) int64
    wanted: np.ndarray  # (4,) int64


def empty_history(world: World) -> History:
    """Tables with room for the longest history, at most half full."""
    longest = int(5 * max(world.history)) + 2
    slots = 1 << (2 * longest).bit_length()
    tables = [np.zeros((4, slots), np.int64) for _ in range(3)]
    return History(*tables, np.zeros(4, np.int64), np.zeros(4, np.int64))


@compiled
def _find(history: History, which: int, entity: int) -> int:
    """The slot that holds the entity, or the free one where it would go."""
    slots = history.entity.shape[1]
    slot = np.int64(mix(np.uint64(entity)) & np.uint64(slots - 1))
    while history.twelfths[which, slot] and history.entity[which, slot] != entity:
        slot = (slot + 1) & (slots - 1)
    return slot


@compiled
def seen(history: History, which: int, entity: int) -> int:
    """Twelve times the entity's count in a history; 0 when it is not in it."""
    return history.twelfths[which, _find(history, which, entity)]


@compiled
def _add(history: History, which: int, entity: int, twelfths: int) -> None:
    """Count a visit; an entity that is new is left out once the history is as long as it should be."""
    slot = _find(history, which, entity)
    if history.twelfths[which, slot]:
        history.twelfths[which, slot] += twelfths
    elif history.used[which] < history.wanted[which]:
        history.entity[which, slot], history.twelfths[which, slot] = entity, twelfths
        history.place[which, history.used[which]] = slot
        history.used[which] += 1


@compiled
def _clear(history: History) -> None:
    for which in range(4):
        for number in range(history.used[which]):
            history.twelfths[which, history.place[which, number]] = 0
        history.used[which] = 0


@compiled
def browse(world: World, row: int, user: int, taste: np.ndarray, history: History) -> None:
    """Fill the tables with one row's histories, `taste` being its user's factors.

    Each event is a visit to one item and counts for its category, shop, brand and nodes alike, which is what makes the
    four histories agree with each other and with the user's taste. What is then missing to a history's length is drawn
    evenly from all there is: the once-visited rest.
    """
    _clear(history)
    for which in range(4):
        history.wanted[which] = history_tokens(world, user, which)
    interests = max(1, history.wanted[CATEGORIES])
    slots, nodes = np.empty(interests, np.int64), np.empty(MAX_NODES, np.int64)
    for number in range(interests):
        slots[number] = interest(world, user, row, number, taste)
    for event in range(int(1.3 * history.wanted[SHOPS])):
        name, number, item = browse_event(world, user, row, event, interests)
        item += slots[number]
        visits = min(3000, int(1 / np.sqrt(1 - uniform(name, _VISITS))))
        category, shop, brand = describe(world, item)
        # The release's histories know four times the shops, and twice the brands, that its items come from.
        elsewhere = uniform(name, _ELSEWHERE)
        if elsewhere < 0.55:
            shop = whole(name, _OTHER_SHOP, world.shops)
        if elsewhere < 0.3:
            brand = whole(name, _OTHER_BRAND, world.brands)
        for which, entity in enumerate((category, shop, brand)):
            if entity >= 0:
                _add(history, which, entity, 12 * visits)
        several = nodes_of(world, item, category, 1 + whole(name, _NODE_COUNT, 3), nodes)
        for number in range(several):
            _add(history, NODES, nodes[number], 12 * visits // several)
    _fill(world, row, history)


@compiled
def _fill(world: World, row: int, history: History) -> None:
    for which, size in enumerate((world.categories, world.shops, world.brands, world.nodes)):
        name, draw = bits(key(world.seed, ROW + world.part, row), _FILL + which), 0
        while history.used[which] < history.wanted[which]:
            entity = whole(name, draw, size)
            if seen(history, which, entity) == 0:
                _add(history, which, entity, 12)
            draw += 1
