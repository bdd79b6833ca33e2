"""How large the simulated world is: how many users, items, shops ... there are, and which ids they have."""

import math
from typing import NamedTuple

import numpy as np
from fields import FIELDS
from numba import njit

from simulation.settings import Settings

TRAIN, TEST = 0, 1

# The kinds of things that `chance.key` names. Of the first three test has its own: the kind plus `World.part`.
ROW, ROW_EVENT, EXPOSURE = 0, 2, 4
USER, USER_EVENT, ITEM, SLOT, CATEGORY, SHOP, BRAND = range(6, 13)

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
    history: np.ndarray
    """Mean tokens per exposure of the four histories, in the order of HISTORIES."""
    first_id: np.ndarray
    range_size: np.ndarray
    """Per field of fields.FIELDS: its ids are first_id .. first_id + range_size - 1, and no other field's."""


def build(settings: Settings, part: int) -> World:
    """The world of these settings.

    Users, items, shops and brands grow with the exposures, so that each occurs as often as in the release at any size;
    categories and intention nodes, which an editor keeps, grow with the square root. What histories are made of is never
    fewer than ten histories' mean length, or there would be nothing left to tell them apart.
    """
    share = settings.exposures / _RELEASE_EXPOSURES
    history = np.array([_TOKENS[name] * settings.history_scale for name in HISTORIES])
    growth = (share**0.5, share, share, share**0.5)
    categories, shops, brands, nodes = (
        math.ceil(max(settings.vocabulary * _DISTINCT[name] * grown, 10 * tokens, 40))
        for name, grown, tokens in zip(HISTORIES, growth, history, strict=True)
    )
    # Items whose numbers agree modulo `slots` share a category, which is how an item finds others of its kind.
    slots = 4 * categories
    items = math.ceil(settings.vocabulary * 0.15 * settings.exposures / slots) * slots
    new_items = math.ceil(items / 8 / slots) * slots
    # Half as many as train has common rows: 41 % of the rows then are distinct users, as in the release.
    users = math.ceil(0.49 * settings.exposures / settings.exposures_per_common)
    new_users = math.ceil(users / 4)
    entities = {"101": users + new_users, "205": items + new_items}
    entities |= dict.fromkeys(("109_14", "206", "508"), categories) | dict.fromkeys(("110_14", "207", "509"), shops)
    entities |= dict.fromkeys(("127_14", "216", "702"), brands) | dict.fromkeys(("150_14", "210", "853"), nodes)
    sizes = np.array([entities.get(field.name, field.distinct) for field in FIELDS])
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
        history=history,
        first_id=1 + np.cumsum(sizes) - sizes,
        range_size=sizes,
    )


@njit(cache=True, nogil=True)
def feature_id(world: World, field: int, entity: int) -> int:
    """The global id under which `field` shows an entity; ids say nothing about popularity."""
    return world.first_id[field] + (entity * _SCATTER) % world.range_size[field]
