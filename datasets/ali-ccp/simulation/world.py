"""How large the simulated world is: how many users, items, shops ... there are, and which ids they have."""

import math
from typing import NamedTuple

import numpy as np

from fields import FIELDS
from simulation.compiled import compiled
from simulation.settings import Settings

TRAIN, TEST = 0, 1

# The kinds of things that `chance.key` names. Of the first three test has its own: the kind plus `World.part`.
ROW, ROW_OWN, EXPOSURE = 0, 2, 4
USER, INTEREST, EVENT, ITEM, SLOT, CATEGORY, SHOP, BRAND = range(6, 14)

FACTORS = 6
"""Numbers that describe a user's or an item's character: three that clicks depend on, three for conversions."""

HISTORIES = ("109_14", "110_14", "127_14", "150_14")
_DISTINCT = {field.name: field.distinct for field in FIELDS}
_TOKENS = {field.name: field.tokens for field in FIELDS}
_RELEASE_EXPOSURES = 42_300_135
# A prime above every range: multiplying by it modulo a range's size is one to one.
_SCATTER = 2_654_435_761


class World(NamedTuple):
    """Sizes, as the compiled functions read them. `part` is TRAIN or TEST; all else is the same for both."""

    seed: int
    part: int
    users: int
    new_users: int
    items: int
    new_items: int
    slots: int
    categories: int
    shops: int
    brands: int
    nodes: int
    exposures_per_common: float
    history: tuple[float, float, float, float]
    """Mean tokens per exposure of the four histories, in the order of HISTORIES."""


def build(settings: Settings, part: int) -> World:
    """The world of these settings.

    Users, items, shops and brands grow with the exposures, so that each occurs as often as in the release at any size;
    categories and intention nodes, which editors keep, grow with the square root. There are never fewer than ten times
    a history's mean length, or nothing would be left to tell histories apart.
    """
    share = settings.exposures / _RELEASE_EXPOSURES
    history = np.array([_TOKENS[name] * settings.history_scale for name in HISTORIES])
    growth = (share**0.5, share, share, share**0.5)
    categories, shops, brands, nodes = (
        math.ceil(max(_DISTINCT[name] * grown, 10 * tokens, 40))
        for name, grown, tokens in zip(HISTORIES, growth, history, strict=True)
    )
    # Items whose numbers agree modulo `slots` share a category, which is how an item finds others of its kind.
    slots = 2 * categories
    items = math.ceil(0.15 * settings.exposures / slots) * slots
    new_items = math.ceil(items / 8 / slots) * slots
    # Half as many as train has common rows: 41 % of the rows then are distinct users, as in the release.
    users = math.ceil(0.49 * settings.exposures / settings.exposures_per_common)
    new_users = math.ceil(users / 4)
    return World(
        seed=settings.seed,
        part=part,
        users=users,
        new_users=new_users,
        items=items,
        new_items=new_items,
        slots=slots,
        categories=categories,
        shops=shops,
        brands=brands,
        nodes=nodes,
        exposures_per_common=settings.exposures_per_common,
        history=tuple(map(float, history)),
    )


def id_ranges(world: World) -> np.ndarray:
    """Per field of fields.FIELDS its first id and its number of ids, shape (23, 2): no id belongs to two fields."""
    sizes = {"101": world.users + world.new_users, "205": world.items + world.new_items}
    sizes |= dict.fromkeys(("109_14", "206", "508"), world.categories)
    sizes |= dict.fromkeys(("110_14", "207", "509"), world.shops)
    sizes |= dict.fromkeys(("127_14", "216", "702"), world.brands)
    sizes |= dict.fromkeys(("150_14", "210", "853"), world.nodes)
    size = np.array([sizes.get(field.name, field.distinct) for field in FIELDS])
    return np.stack([1 + np.cumsum(size) - size, size], axis=1)


@compiled
def name_entities(ranges: np.ndarray, tokens: np.ndarray) -> None:
    """Replace the entities in tokens (n, 3) by their global ids, which say nothing of popularity."""
    for token in range(len(tokens)):
        first, size = ranges[tokens[token, 0]]
        tokens[token, 1] = first + tokens[token, 1] * _SCATTER % size
