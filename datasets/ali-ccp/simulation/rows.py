"""The tokens of one row, (n, 3) numbers each: field (its place in fields.FIELDS), global id, twelfths of a count or 0."""

import numpy as np
from fields import FIELD_NAMES
from numba import njit

from simulation.chance import key, whole
from simulation.goods import MAX_NODES, describe, nodes_of
from simulation.history import BRANDS, CATEGORIES, HISTORY_FIELDS, NODES, SHOPS, History, seen
from simulation.people import row_classes
from simulation.world import ROW, World, name_entities

MAX_OWN_TOKENS = 2 * MAX_NODES + 8
_205, _206, _207, _210, _216, _508, _509, _702, _853, _301 = (
    FIELD_NAMES.index(name) for name in ("205", "206", "207", "210", "216", "508", "509", "702", "853", "301")
)
_MAX_CLASSES = 9


def most_common_tokens(history: History) -> int:
    """Tokens of the longest common row that these tables can hold."""
    return int(history.entity.size) + _MAX_CLASSES


@njit(cache=True, nogil=True)
def shuffle(tokens: np.ndarray, count: int, name: np.uint64) -> None:
    """Put the first `count` tokens in arbitrary order (Fisher and Yates), as the release has them."""
    for last in range(count - 1, 0, -1):
        other = whole(name, 1000 + last, last + 1)
        for column in range(3):
            tokens[last, column], tokens[other, column] = tokens[other, column], tokens[last, column]


@njit(cache=True, nogil=True)
def _put(tokens: np.ndarray, count: int, field: int, entity: int, twelfths: int) -> int:
    tokens[count, 0], tokens[count, 1], tokens[count, 2] = field, entity, twelfths
    return count + 1


@njit(cache=True, nogil=True)
def common_tokens(world: World, ranges: np.ndarray, row: int, history: History, tokens: np.ndarray) -> int:
    """Write the tokens of a common row whose history has been browsed; returns how many."""
    fields, entities = np.empty(_MAX_CLASSES, np.int64), np.empty(_MAX_CLASSES, np.int64)
    count = 0
    for number in range(row_classes(world, row, fields, entities)):
        count = _put(tokens, count, fields[number], entities[number], 0)
    for which in range(4):
        for number in range(history.used[which]):
            slot = history.place[which, number]
            entity, twelfths = history.entity[which, slot], history.twelfths[which, slot]
            count = _put(tokens, count, HISTORY_FIELDS[which], entity, twelfths)
    name_entities(ranges, tokens[:count])
    shuffle(tokens, count, key(world.seed, ROW + world.part, row))
    return count


@njit(cache=True, nogil=True)
def own_tokens(
    world: World,
    ranges: np.ndarray,
    name: np.uint64,
    item: int,
    place: int,
    history: History,
    nodes: np.ndarray,
    tokens: np.ndarray,
) -> int:
    """Write the tokens of the exposure called `name`: its item at its place, and what of it is in the user's history."""
    category, shop, brand = describe(world, item)
    count = _put(tokens, 0, _205, item, 0)
    count = _put(tokens, count, _301, place, 0)
    count = _put(tokens, count, _206, category, 0)
    count = _put(tokens, count, _207, shop, 0)
    if seen(history, CATEGORIES, category):
        count = _put(tokens, count, _508, category, seen(history, CATEGORIES, category))
    if seen(history, SHOPS, shop):
        count = _put(tokens, count, _509, shop, seen(history, SHOPS, shop))
    if brand >= 0:
        count = _put(tokens, count, _216, brand, 0)
        if seen(history, BRANDS, brand):
            count = _put(tokens, count, _702, brand, seen(history, BRANDS, brand))
    for number in range(nodes_of(world, item, category, MAX_NODES, nodes)):
        node = nodes[number]
        count = _put(tokens, count, _210, node, 0)
        if seen(history, NODES, node):
            count = _put(tokens, count, _853, node, seen(history, NODES, node))
    name_entities(ranges, tokens[:count])
    shuffle(tokens, count, name)
    return count
