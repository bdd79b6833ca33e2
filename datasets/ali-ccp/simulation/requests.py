"""Requests: a user's exposures that are shown together, each at a position that an older ranker gave it."""

import numpy as np

from simulation.chance import key, normal, uniform
from simulation.compiled import compiled
from simulation.goods import shown_item
from simulation.world import EXPOSURE, ITEM, World

REQUEST = 10
"""Exposures of a request; the last one of a common row may have fewer."""

_REPEATED = 113  # draw of an exposure
_PLACE = 120
FAVOUR = 18  # draw of an item
OWN, NOISE = 0.8, 0.6
"""What the item, and what the exposure, has in the older ranker's favour."""


@compiled
def exposure_name(world: World, row: int, number: int) -> np.uint64:
    """What `chance` calls a row's exposure; one in a thousand is the one before it once more, labels and all."""
    name = key(world.seed, EXPOSURE + world.part, (row << 20) + number)
    if number > 0 and uniform(name, _REPEATED) < 0.001:
        return key(world.seed, EXPOSURE + world.part, (row << 20) + number - 1)
    return name


@compiled
def lay_out(
    world: World,
    user: int,
    row: int,
    first: int,
    size: int,
    events: int,
    interests: int,
    taste: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fill out[:size] with the positions, 1 at the top, of the request that begins with a row's exposure `first`.

    The older ranker has items that it favours, for no reason that users would share: whoever takes clicks for
    relevance takes its favour for relevance.
    """
    favour = np.empty(REQUEST)
    for place in range(size):
        name = exposure_name(world, row, first + place)
        item = shown_item(world, name, user, row, events, interests, taste)
        favour[place] = OWN * normal(key(world.seed, ITEM, item), FAVOUR) + NOISE * normal(name, _PLACE)
    for place in range(size):
        out[place] = 1
        for other in range(size):
            above = favour[other] > favour[place] or (favour[other] == favour[place] and other < place)
            out[place] += int(above)


@compiled
def examined(effect: float, position: int) -> float:
    """p(examined | position) = position^-effect (Craswell et al., WSDM 2008: a click needs a look first)."""
    return np.float64(position) ** -effect
