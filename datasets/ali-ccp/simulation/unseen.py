"""Where an item stands in a request, as far as user, history and item tell: the mean over what no input says.

A network that does not see the position cannot know how an older ranker laid out this request; it can know what the
older ranker makes of the item, and what else the user may have been shown. The exposures of a request are independent
draws, so the number of those above one is binomial, with the chance that a draw of the row is favoured more.
"""

from typing import NamedTuple

import numpy as np

from simulation.chance import key, normal
from simulation.compiled import compiled
from simulation.goods import (
    BLOCK_SCALE,
    FROM_HISTORY,
    ITEM_SCALE,
    NEW_ITEMS,
    OF_AN_INTEREST,
    browse_event,
    interest,
)
from simulation.people import more_exposures
from simulation.requests import FAVOUR, NOISE, OWN, REQUEST, examined
from simulation.world import ITEM, TEST, USER, World

_LIMIT = np.sqrt(12.0)  # of `chance.normal`
_GRID = 193
_LOWEST = -(OWN + NOISE) * _LIMIT
_STEP = -2 * _LOWEST / (_GRID - 1)
_MIDPOINTS, _ROW_MIDPOINTS = 48, 256
_WRAPS = 20


class Favours(NamedTuple):
    """Chances that an exposure is favoured more than each number of a grid, by where its item comes from."""

    effect: float
    anything: np.ndarray  # (_GRID,): items by popularity
    slots: np.ndarray  # (slots, _GRID): items of an interest's slot


@compiled
def above(x: float) -> float:
    """p(normal > x) of `chance.normal`, the sum of four uniform numbers (Irwin and Hall)."""
    left = 2 - abs(x) / np.sqrt(3.0)
    if left <= 0:
        return 0.0 if x > 0 else 1.0
    tail = (left**4 - 4 * max(0.0, left - 1) ** 4) / 24
    return tail if x > 0 else 1 - tail


@compiled
def density(x: float) -> float:
    """Of `chance.normal`, a cubic spline."""
    away = abs(x) / np.sqrt(3.0)
    return max(0.0, 2 - away) ** 3 / 6 / np.sqrt(3.0) - 4 * max(0.0, 1 - away) ** 3 / 6 / np.sqrt(3.0)


def popularity(scale: float, size: int) -> np.ndarray:
    """p(k) of `chance.popular`, shape (size,): its power law, wrapped around the size."""
    edges = np.arange(_WRAPS * size + 1, dtype=np.float64)
    below = edges / (edges + scale)
    return np.diff(below).reshape(_WRAPS, size).sum(axis=0) + (1 - below[-1]) / size


def favours(world: World, effect: float) -> Favours:
    """The tables of a world whose p(examined) = position ^ -effect; empty ones where positions do not matter."""
    if not effect:
        return Favours(0.0, np.zeros(_GRID), np.zeros((0, _GRID)))
    blocks = world.items // world.slots
    of_items, of_blocks = popularity(ITEM_SCALE * world.items, world.items), popularity(BLOCK_SCALE * blocks, blocks)
    return Favours(float(effect), *_favours(world, of_items, of_blocks))


@compiled
def _favoured_more(world: World, item: int, out: np.ndarray) -> None:
    """Fill out (_GRID,) with the chances that an exposure of an item is favoured more than each number."""
    centre = OWN * normal(key(world.seed, ITEM, item), FAVOUR)
    for place in range(_GRID):
        out[place] = above((_LOWEST + place * _STEP - centre) / NOISE)


@compiled
def _favours(world: World, of_items: np.ndarray, of_blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    anything, slots = np.zeros(_GRID), np.zeros((world.slots, _GRID))
    known, new = np.empty(_GRID), np.empty(_GRID)
    for item in range(world.items):
        _favoured_more(world, item, known)
        if world.part == TEST:
            _favoured_more(world, world.items + item % world.new_items, new)
            known = (1 - NEW_ITEMS) * known + NEW_ITEMS * new
        anything += of_items[item] * known
        slots[item % world.slots] += of_blocks[item // world.slots] * known
    return anything, slots


@compiled
def size_shares(world: World, user: int, out: np.ndarray) -> None:
    """Fill out (REQUEST,) with the shares of a user's exposures that stand in requests of 1, 2, ... exposures.

    The user says how active he is, not how many exposures this common row serves.
    """
    out[:] = 0
    name = key(world.seed, USER, user)
    for step in range(_ROW_MIDPOINTS):
        noise = _LIMIT * ((2 * step + 1) / _ROW_MIDPOINTS - 1)
        more = more_exposures(world, name, noise)
        for number in range(int(more) + 1, int(more) + 3):
            chance = density(noise) * max(0.0, 1 - abs(1 + more - number))
            rest = number % REQUEST
            out[REQUEST - 1] += chance * (number - rest)
            if rest:
                out[rest - 1] += chance * rest
    out /= out.sum()


@compiled
def row_examined(
    world: World,
    tables: Favours,
    sizes: np.ndarray,
    user: int,
    row: int,
    events: int,
    interests: int,
    taste: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill out (_GRID,) with the mean p(examined) of an exposure of a row by how much the older ranker favours it.

    `sizes` (REQUEST,): shares of requests of 1, 2, ... exposures.
    """
    more, browsed_more, slots = np.zeros(_GRID), np.empty(_GRID), np.empty(interests, np.int64)
    if events > 0:
        for number in range(interests):
            slots[number] = interest(world, user, row, number, taste)
        for event in range(events):
            _, number, browsed = browse_event(world, user, row, event, interests)
            _favoured_more(world, browsed + slots[number], browsed_more)
            more += (FROM_HISTORY * browsed_more + OF_AN_INTEREST * tables.slots[slots[number]]) / events
        more += (1 - FROM_HISTORY - OF_AN_INTEREST) * tables.anything
    else:
        more += tables.anything
    number_above = np.empty(REQUEST)
    for place in range(_GRID):
        number_above[:] = 0
        number_above[0] = 1
        out[place] = sizes[0]
        for others in range(1, REQUEST):
            mean = 0.0
            for number in range(others, -1, -1):
                number_above[number] *= 1 - more[place]
                if number:
                    number_above[number] += more[place] * number_above[number - 1]
                mean += number_above[number] * examined(tables.effect, number + 1)
            out[place] += sizes[others] * mean


@compiled
def examined_of(world: World, by_favour: np.ndarray, item: int) -> float:
    """Mean p(examined) of an item in a row, by what `row_examined` found there."""
    centre, mean, total = OWN * normal(key(world.seed, ITEM, item), FAVOUR), 0.0, 0.0
    for step in range(_MIDPOINTS):
        noise = _LIMIT * ((2 * step + 1) / _MIDPOINTS - 1)
        place = (centre + NOISE * noise - _LOWEST) / _STEP
        left = min(_GRID - 2, int(place))
        weight = density(noise)
        mean += weight * (by_favour[left] + (place - left) * (by_favour[left + 1] - by_favour[left]))
        total += weight
    return mean / total


def new_grid() -> np.ndarray:
    """Room for what `row_examined` finds; 1 everywhere, as where positions do not matter."""
    return np.ones(_GRID)
