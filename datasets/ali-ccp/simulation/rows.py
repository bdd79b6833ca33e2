"""The tokens of one row, three numbers each: field (its place in fields.FIELDS), global id, twelfths of a count."""

import numpy as np

from fields import FIELD_NAMES
from simulation.chance import key, whole
from simulation.compiled import compiled
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


@compiled("void(int64[:, ::1], int64, uint64)")
def shuffle(tokens: np.ndarray, count: int, name: np.uint64) -> None:
    """Put the first `count` tokens in arbitrary order (Fisher and Yates), as the release has them."""
    for last in range(count - 1, 0, -1):
        other = whole(name, 1000 + last, last + 1)
        for column in range(3):
            tokens[last, column], tokens[other, column] = tokens[other, column], tokens[last, column]


@compiled("int64(int64[:, ::1], int64, int64, int64, int64)")
def _put(tokens: np.ndarray, count: int, field: int, entity: int, twelfths: int) -> int:
    tokens[count, 0], tokens[count, 1], tokens[count, 2] = field, entity, twelfths
    return count + 1


@compiled("int64(int64[:, ::1], int64, int64, int64, int64, int64)")
def _put_crossed(tokens: np.ndarray, count: int, field: int, cross: int, entity: int, twelfths: int) -> int:
    count = _put(tokens, count, field, entity, 0)
    return _put(tokens, count, cross, entity, twelfths) if twelfths else count


@compiled
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


@compiled
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
    """Write the tokens of the exposure called `name`: item, position, what of the item is in the user's history."""
    category, shop, brand = describe(world, item)
    count = _put(tokens, 0, _205, item, 0)
    count = _put(tokens, count, _301, place, 0)
    for which, field, cross, entity in (
        (CATEGORIES, _206, _508, category),
        (SHOPS, _207, _509, shop),
        (BRANDS, _216, _702, brand),
    ):
        if entity >= 0:
            count = _put_crossed(tokens, count, field, cross, entity, seen(history, which, entity))
    for number in range(nodes_of(world, item, category, MAX_NODES, nodes)):
        count = _put_crossed(tokens, count, _210, _853, nodes[number], seen(history, NODES, nodes[number]))
    name_entities(ranges, tokens[:count])
    shuffle(tokens, count, name)
    return count
