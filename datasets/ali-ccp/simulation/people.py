"""Users and their common rows: who a row belongs to, how active, what kind of person."""

import numpy as np

from fields import FIELD_NAMES
from simulation.chance import key, normal, normal_growth, uniform, whole
from simulation.compiled import compiled
from simulation.world import FACTORS, ROW, TEST, USER, World

# Draws of a user; the first FACTORS are his character.
_ACTIVITY, _COLD, _CLASSLESS, _NO_GEOGRAPHY, _NO_CONSUMPTION = range(10, 15)
_FIELD_ACTIVITY, _FIELD_ROUNDING, _CLASS = 20, 30, 40
# Draws of a common row.
_ROW_USER, _ROW_NEW_USER, _ROW_EXPOSURES, _ROW_ROUNDING, _ROW_NAMELESS = range(5)

_ACTIVITY_SPREAD, _FIELD_SPREAD, _EXPOSURES_SPREAD = 0.5, 0.35, 0.8
# Active users are shown more: it makes a row's 518 tokens the release's 616 when every exposure counts its row's.
_EXPOSURES_POWER = 0.69
_COLD_SHARE = 0.03
_ACTIVITY_MEAN = normal_growth(_ACTIVITY_SPREAD) * normal_growth(_FIELD_SPREAD) * (1 - _COLD_SHARE)
_EXPOSURES_MEAN = normal_growth(_ACTIVITY_SPREAD * _EXPOSURES_POWER) * normal_growth(_EXPOSURES_SPREAD)
# E[activity * exposures] / (E[activity] E[exposures]) of the log-normal parts.
_WEIGHT = normal_growth(_ACTIVITY_SPREAD * (1 + _EXPOSURES_POWER)) / (
    normal_growth(_ACTIVITY_SPREAD) * normal_growth(_ACTIVITY_SPREAD * _EXPOSURES_POWER)
)

_101, _121, _122, _124, _125, _126, _127, _128, _129 = (
    FIELD_NAMES.index(name) for name in ("101", "121", "122", "124", "125", "126", "127", "128", "129")
)


@compiled
def row_user(world: World, row: int) -> int:
    """The user of a common row; some of test's are nobody that train knows."""
    name = key(world.seed, ROW + world.part, row)
    if world.part == TEST and uniform(name, _ROW_NEW_USER) < 0.15:
        return world.users + whole(name, _ROW_USER, world.new_users)
    return int(world.users * uniform(name, _ROW_USER) ** 1.5)


@compiled
def row_exposures(world: World, row: int) -> int:
    """How many exposures a common row serves: at least 1, `exposures_per_common` in the mean."""
    name = key(world.seed, ROW + world.part, row)
    user = key(world.seed, USER, row_user(world, row))
    more = more_exposures(world, user, normal(name, _ROW_EXPOSURES))
    return 1 + int(more + uniform(name, _ROW_ROUNDING))


@compiled
def more_exposures(world: World, user: np.uint64, noise: float) -> float:
    """How many exposures besides one a row of the user called `user` serves; `noise` is the row's own."""
    log_weight = _EXPOSURES_POWER * _ACTIVITY_SPREAD * normal(user, _ACTIVITY)
    log_weight += _EXPOSURES_SPREAD * noise
    return (world.exposures_per_common - 1) * np.exp(log_weight) / _EXPOSURES_MEAN


@compiled
def history_tokens(world: World, user: int, history: int) -> int:
    """How many ids a user's history holds: `world.history` in the mean over exposures, at most five times that."""
    name = key(world.seed, USER, user)
    mean = world.history[history]
    if uniform(name, _COLD) < _COLD_SHARE:
        return 0
    weight = (1 + (world.exposures_per_common - 1) * _WEIGHT) / world.exposures_per_common
    log_activity = _ACTIVITY_SPREAD * normal(name, _ACTIVITY) + _FIELD_SPREAD * normal(name, _FIELD_ACTIVITY + history)
    tokens = mean * np.exp(log_activity) / (_ACTIVITY_MEAN * weight)
    return int(min(tokens, 5 * mean) + uniform(name, _FIELD_ROUNDING + history))


@compiled
def user_factors(world: World, user: int, out: np.ndarray) -> None:
    """Fill out, shape (FACTORS,), with the user's character: independent, mean 0, variance 1."""
    name = key(world.seed, USER, user)
    for factor in range(FACTORS):
        out[factor] = normal(name, factor)


@compiled("int64(float64, int64)")
def _class_of(score: float, classes: int) -> int:
    """Cut a standard normal score into classes of equal size."""
    return min(classes - 1, int(classes / (1 + np.exp(-1.702 * score))))


@compiled
def row_classes(world: World, row: int, fields: np.ndarray, entities: np.ndarray) -> int:
    """Write the one-valued fields of a common row, from position 0; returns how many there are.

    Classes show the user's character through noise; the share of missing ones is the release's.
    """
    user = row_user(world, row)
    name = key(world.seed, USER, user)
    count = 0
    classless = uniform(name, _CLASSLESS) < 0.13
    # Never both: a row has at least one token.
    if classless or uniform(key(world.seed, ROW + world.part, row), _ROW_NAMELESS) >= 0.0023:
        fields[0], entities[0], count = _101, user, 1
    if classless:
        return count
    grid = _class_of(normal(name, 0), 10) * 10 + _class_of(normal(name, 3), 10)
    for field, classes, factor, clarity in (
        (_121, 97, 0, 1.0),
        (_122, 13, 0, 0.9),
        (_124, 2, 1, 1.0),
        (_125, 7, 3, 0.8),
        (_126, 3, 4, 1.0),
        (_127, 3, 2, 1.0),
        (_128, 2, 5, 1.0),
        (_129, 4, 0, 0.0),
    ):
        if field == _126 and uniform(name, _NO_CONSUMPTION) >= 0.416 / 0.87:
            continue
        if field == _129 and uniform(name, _NO_GEOGRAPHY) >= 0.637 / 0.87:
            continue
        score = clarity * normal(name, factor) + np.sqrt(1 - clarity**2) * normal(name, _CLASS + field)
        fields[count] = field
        entities[count] = min(96, grid) if field == _121 else _class_of(score, classes)
        count += 1
    return count
