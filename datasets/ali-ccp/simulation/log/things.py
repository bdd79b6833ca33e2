"""What users and items are like."""

import math
from typing import NamedTuple

import numpy as np

from simulation.chance import key, normal, popular, uniform
from simulation.compiled import compiled
from simulation.log.world import CATEGORY, CATEGORY_SCALE, CITY, ITEM, SHOP, TAG, USER, World
from simulation.world import FACTORS

INTERESTS = 5
"""Categories that a user is shown most."""

CITIES, TAGS, MOST_TAGS = 20, 30, 4


_YOUNGEST, _AGES, _NO_AGE = 18, 52, 0.15
_STEP_AGES = (22, 28, 35, 42, 55)
_STEP_LEVELS = np.array([1.0, -1.0, 0.5, -1.2, 1.0, -0.4])
_MORE = 20  # draws from here on are no factors


class Users(NamedTuple):
    """What the users are like, new ones included."""

    factors: np.ndarray  # (users, FACTORS) float64
    interests: np.ndarray  # (users, INTERESTS) int64: categories
    city: np.ndarray  # (users,) int64
    age: np.ndarray  # (users,) int64; -1: not told
    step: np.ndarray  # (users,) float64: of the age; mean 0, variance 1 where all ages are alike, 0 where not told


class Items(NamedTuple):
    """What the items are like, new ones included. Item i is of category i % categories."""

    factors: np.ndarray  # (items, FACTORS) float64
    shop: np.ndarray  # (items,) int64
    tags: np.ndarray  # (items, MOST_TAGS) int64; -1: none
    style: np.ndarray  # (items, 2) float64, of length 1: what a history is matched by
    price: np.ndarray  # (items,) float64: what the item itself has in its standardised log price


@compiled
def normals(seed: int, kind: int, count: int, draws: int) -> np.ndarray:
    """The first draws of the first things of a kind, (count, draws)."""
    out = np.empty((count, draws))
    for thing in range(count):
        name = key(seed, kind, thing)
        for draw in range(draws):
            out[thing, draw] = normal(name, draw)
    return out


@compiled
def uniforms(seed: int, kind: int, first: int, count: int, draws: int) -> np.ndarray:
    """In [0, 1): draws of the things from number `first` on, (count, draws), independent of `normals`."""
    out = np.empty((count, draws))
    for thing in range(count):
        name = key(seed, kind, first + thing)
        for draw in range(draws):
            out[thing, draw] = uniform(name, _MORE + draw)
    return out


@compiled
def _interests(world: World, count: int) -> np.ndarray:
    out = np.empty((count, INTERESTS), np.int64)
    for user in range(count):
        name = key(world.seed, USER, user)
        for number in range(INTERESTS):
            share = uniform(name, 2 * _MORE + number)
            out[user, number] = popular(share, CATEGORY_SCALE * world.categories, world.categories)
    return out


def users_of(world: World) -> Users:
    """All users: a fifth of a user's character is the city's."""
    count = world.all_users
    told, age, place = uniforms(world.seed, USER, 0, count, 3).T
    city = (CITIES * place**2).astype(np.int64)
    own, of_city = normals(world.seed, USER, count, FACTORS), normals(world.seed, CITY, CITIES, FACTORS)
    age = np.where(told < _NO_AGE, -1, _YOUNGEST + (_AGES * age).astype(np.int64))
    return Users(
        factors=math.sqrt(0.8) * own + math.sqrt(0.2) * of_city[city],
        interests=_interests(world, count),
        city=city,
        age=age,
        step=np.where(age < 0, 0.0, step_of_age(age)),
    )


def step_of_age(age: np.ndarray) -> np.ndarray:
    """The level of the step that an age (int64) is on; mean 0 and variance 1 over all ages."""
    levels = _STEP_LEVELS[np.searchsorted(_STEP_AGES, np.arange(_YOUNGEST, _YOUNGEST + _AGES), side="right")]
    return (_STEP_LEVELS[np.searchsorted(_STEP_AGES, age, side="right")] - levels.mean()) / levels.std()


def items_of(world: World) -> Items:
    """All items: what the category, the shop and the tags make of one, and three tenths of its own."""
    count = world.all_items
    place, tagged, *tags = uniforms(world.seed, ITEM, 0, count, 2 + MOST_TAGS).T
    category, shop = np.arange(count) % world.categories, (world.shops * place).astype(np.int64)
    number = ((MOST_TAGS + 1) * tagged).astype(np.int64)
    tags = (TAGS * np.stack(tags, axis=1) ** 1.5).astype(np.int64)
    # A tag that comes twice counts once.
    again = np.stack([(tags[:, :place] == tags[:, place, None]).any(axis=1) for place in range(MOST_TAGS)], axis=1)
    tags = np.where((np.arange(MOST_TAGS) < number[:, None]) & ~again, tags, -1)
    draws = FACTORS + 3  # character, style, price
    of_category = normals(world.seed, CATEGORY, world.categories, draws)[category]
    of_shop, own = normals(world.seed, SHOP, world.shops, draws)[shop], normals(world.seed, ITEM, count, draws)
    of_tags = np.where(tags[..., None] >= 0, normals(world.seed, TAG, TAGS, FACTORS)[tags], 0.0).sum(axis=1)
    of_tags /= np.sqrt(np.maximum(1, (tags >= 0).sum(axis=1)))[:, None]
    parts = [part[:, :FACTORS] for part in (of_category, of_shop, own)]
    style = sum(part[:, FACTORS : FACTORS + 2] for part in (of_category, of_shop, own))
    return Items(
        factors=np.sqrt(0.3) * parts[0] + np.sqrt(0.2) * parts[1] + np.sqrt(0.3) * parts[2] + np.sqrt(0.2) * of_tags,
        shop=shop,
        tags=tags,
        style=style / np.linalg.norm(style, axis=1, keepdims=True),
        price=np.sqrt(0.6) * of_category[:, -1] + np.sqrt(0.4) * own[:, -1],
    )
