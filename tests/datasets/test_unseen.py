"""p(click) given what a network sees: held against the simulation's own draws of what it does not see."""

from types import SimpleNamespace

import numpy as np
import pytest

from simulation import world
from simulation.chance import key, normal, popular
from simulation.goods import shown_item
from simulation.history import CATEGORIES, SHOPS
from simulation.people import history_tokens, row_exposures, row_user, user_factors
from simulation.requests import REQUEST, examined, exposure_name, lay_out
from simulation.settings import Settings
from simulation.truth import drift, mean_over_time
from simulation.unseen import above, density, examined_of, favours, new_grid, popularity, row_examined, size_shares

SETTINGS = Settings(exposures=20_000, seed=3, history_scale=0.02, exposures_per_common=12)
EFFECT = 1.0
RANDOM = np.random.default_rng(0)


def test_the_distribution_of_normal():
    drawn = np.array([normal(key(1, 2, index), 0) for index in range(40_000)])
    for x in (-3.0, -1.5, -0.4, 0.0, 0.9, 2.2):
        p = above(x)
        assert np.mean(drawn > x) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / len(drawn)) + 1e-9)
        assert density(x) == pytest.approx((above(x - 1e-5) - above(x + 1e-5)) / 2e-5, rel=1e-4)
    assert (above(-3.5), above(3.5), density(3.5)) == (1.0, 0.0, 0.0)


def test_popularity_wraps_around():
    p = popularity(2.0, 7)
    assert p.sum() == pytest.approx(1)
    drawn = np.bincount([popular(share, 2.0, 7) for share in RANDOM.random(40_000)], minlength=7) / 40_000
    assert drawn == pytest.approx(p, abs=4 * np.sqrt(0.25 / 40_000))


def test_sizes_of_a_user_s_requests():
    """Of all rows that are one user's, the exposures in requests of 1, 2, ... 10."""
    here = world.build(Settings(exposures=500, seed=3, exposures_per_common=12), world.TRAIN)
    rows = [row for row in range(60_000) if row_user(here, row) == 4]
    served = np.array([row_exposures(here, row) for row in rows])
    by_row = np.zeros((len(rows), REQUEST))
    by_row[:, REQUEST - 1] = served - served % REQUEST
    for place, rest in enumerate(served % REQUEST):
        if rest:
            by_row[place, rest - 1] += rest
    shares = np.empty(REQUEST)
    size_shares(here, 4, shares)
    assert shares.sum() == pytest.approx(1)
    residual = by_row - served[:, None] * shares  # a ratio of means: its error by the delta method
    error = residual.std(axis=0) / np.sqrt(len(rows)) / served.mean()
    assert len(rows) > 500
    assert (np.abs(by_row.mean(axis=0) / served.mean() - shares) < 4 * error).all()


@pytest.fixture(scope="module", params=[world.TRAIN, world.TEST])
def scene(request):
    """A row with a history, or one of test's, and what an older ranker makes of it."""
    here = world.build(SETTINGS, request.param)
    taste = np.empty(world.FACTORS)
    for row in range(100):
        user = row_user(here, row)
        events = history_tokens(here, user, SHOPS)
        if events > 3:
            break
    user_factors(here, user, taste)
    interests = max(1, history_tokens(here, user, CATEGORIES))
    return SimpleNamespace(
        world=here, row=row, user=user, events=events, interests=interests, taste=taste, tables=favours(here, EFFECT)
    )


@pytest.mark.parametrize("size", [2, 10])
def test_where_items_stand_on_average(scene, size):
    """20,000 fresh exposures of the row, in requests of one size: each frequent item's mean p(examined), and all."""
    who = (scene.user, scene.row)
    drawn: dict[int, list[float]] = {}
    places = np.ones(REQUEST, np.int64)
    for first in range(100_000, 120_000, size):
        lay_out(scene.world, *who, first, size, scene.events, scene.interests, scene.taste, places)
        for number in range(size):
            name = np.uint64(exposure_name(scene.world, scene.row, first + number))
            item = shown_item(scene.world, name, *who, scene.events, scene.interests, scene.taste)
            drawn.setdefault(item, []).append(examined(EFFECT, places[number]))
    sizes, by_favour = np.eye(REQUEST)[size - 1], new_grid()
    row_examined(scene.world, scene.tables, sizes, *who, scene.events, scene.interests, scene.taste, by_favour)
    expected = {item: examined_of(scene.world, by_favour, item) for item in drawn}
    frequent = [item for item, values in drawn.items() if len(values) >= 50]
    assert len(frequent) > 15
    errors = np.array([np.std(drawn[item]) / np.sqrt(len(drawn[item])) for item in frequent])
    differences = np.array([np.mean(drawn[item]) - expected[item] for item in frequent])
    assert np.ptp([expected[item] for item in frequent]) > 0.15
    assert np.mean((differences / errors) ** 2) < 1 + 4 * np.sqrt(2 / len(frequent))
    everything = np.concatenate([np.array(values) - expected[item] for item, values in drawn.items()])
    assert abs(everything.mean()) < 4 * everything.std() / np.sqrt(len(everything))


def test_no_effect_no_difference(scene):
    assert examined_of(scene.world, new_grid(), 5) == pytest.approx(1, abs=1e-12)
    assert favours(scene.world, 0.0).slots.size == 0


def test_the_mean_over_time():
    times = (np.arange(20_000) + 0.5) / 20_000
    for logit in (-2.0, 0.7, 4.0):
        expected = np.mean([1 / (1 + np.exp(-logit - drift(time))) for time in times])
        assert mean_over_time(logit) == pytest.approx(expected, rel=1e-8)
