"""Items by their rates: counts against loops, what is called underrated, and what shrinking is for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from rec.config.metrics import Asked, Column
from rec.evidence.quadrants import CERTAIN, Quadrants, parting, quadrants
from rec.evidence.scored import Scored
from rec.metrics.segments import Names
from rec.metrics.task import Task

CTR, CVR, CTCVR = Task("ctr", "click"), Task("cvr", "conversion", "click"), Task("ctcvr", "conversion")
ITEM = Column("item", "value")


def scored(item: np.ndarray, click: np.ndarray, buy: np.ndarray, tasks: tuple[Task, ...] = (CTR, CVR, CTCVR)) -> Scored:
    names = Names("item", bounded=False)
    columns = {ITEM.key: names(pa.array([str(value) for value in item]))}
    predicted = {task.name: np.linspace(0.1, 0.9, len(item), dtype=np.float32) for task in tasks}
    labels = {"click": click.astype(np.float32), "conversion": buy.astype(np.float32)}
    return Scored(tasks, predicted, predicted, None, labels, columns, {ITEM.key: names}, {}, Asked((), ()), {}, "", 0)


def log(seed: int) -> tuple[Scored, np.ndarray, np.ndarray]:
    """Long-tailed impressions of 1,000 items, 60 of them planted: much better than the rest, and rarely shown. Besides
    who they are, which of all items are better than the average impression."""
    random = np.random.default_rng(seed)
    ctr, cvr = random.beta(8, 72, 1000), random.beta(8, 72, 1000)
    share = random.lognormal(0, 1.5, 1000)
    planted = random.choice(1000, 60, replace=False)
    ctr[planted], cvr[planted], share[planted] = 0.3, 0.4, share.mean() / 4
    item = random.choice(1000, 80_000, p=share / share.sum())
    click = random.random(len(item)) < ctr[item]
    better = (ctr > share @ ctr / share.sum()) & (cvr > (share * ctr) @ cvr / (share @ ctr))
    return scored(item, click, click & (random.random(len(item)) < cvr[item])), planted, better


def found_in(log: Scored, seen: frozenset[str] | None = None) -> Quadrants:
    found = quadrants(log, "item", None, seen)
    assert found is not None
    assert found.second is not None
    return found


def test_counts_are_those_of_each_item():
    random = np.random.default_rng(0)
    item, click = random.integers(0, 9, 500), random.random(500) < 0.4
    buy = click & (random.random(500) < 0.5)
    found = found_in(scored(item, click, buy))
    p = np.linspace(0.1, 0.9, 500, dtype=np.float32)
    for at, name in enumerate(found.names):
        own = item == int(name)
        assert found.impressions[at] == own.sum()
        assert (found.first.successes[at], found.first.trials[at]) == (click[own].sum(), own.sum())
        assert (found.second.successes[at], found.second.trials[at]) == (buy[own].sum(), click[own].sum())
        assert found.first.predicted[at] == pytest.approx(p[own].mean())
        assert found.second.predicted[at] == pytest.approx(p[own & click].mean())
    assert found.first.overall == pytest.approx(click.mean())
    assert found.second.overall == pytest.approx(buy.sum() / click.sum())


def test_new_items_stand_apart_and_say_nothing_of_what_is_usual():
    random = np.random.default_rng(1)
    item = random.integers(0, 20, 4000)
    click = random.random(4000) < np.where(item < 10, 0.2, 0.9)
    all_known = found_in(scored(item, click, click & (random.random(4000) < 0.5)))
    known = found_in(
        scored(item, click, click & (random.random(4000) < 0.5)), frozenset(str(value) for value in range(10))
    )
    assert sorted(np.array(known.names)[known.new].astype(int)) == list(range(10, 20))
    assert known.first.prior.mean == pytest.approx(0.2, abs=0.02)
    assert all_known.first.prior.mean > 0.4
    assert not known.new[known.underrated].any()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_items_are_found_and_shrinking_is_what_finds_them(seed):
    rows, planted, better = log(seed)
    found = found_in(rows)
    number = np.array(found.names).astype(int)
    called = number[found.underrated]
    certainty = found.first.certainty * found.second.certainty
    np.testing.assert_array_equal(found.certainty, certainty)
    assert better[called].mean() == pytest.approx(certainty[found.underrated].mean(), abs=0.1)
    assert np.isin(planted, called).mean() > 0.5
    few = np.flatnonzero(found.impressions < found.few)
    raw = found.first.raw * found.second.raw
    by = {
        name: number[few[np.argsort(-x[few], kind="stable")][:30]]
        for name, x in (("shrunk", found.product), ("raw", raw))
    }
    hits = {name: np.isin(first, planted).mean() for name, first in by.items()}
    assert hits["shrunk"] > 0.9
    assert hits["shrunk"] > hits["raw"] + 0.05
    assert (found.impressions[found.underrated] < found.few).all()
    assert (certainty[found.underrated] >= CERTAIN**2).all()


def test_one_task_parts_items_too_and_two_equal_ones_side_by_side():
    assert parting([CTR, CVR, CTCVR]) == [CTR, CVR]
    assert parting([CTCVR, CVR, CTR]) == [CTR, CVR]
    assert parting([CTR]) == [CTR]
    like = Task("like", "like")
    assert parting([CTR, like, Task("watch", "seconds", kind="regression")]) == [CTR, like]
    item, click = np.arange(100) % 5, np.arange(100) % 3 == 0
    found = quadrants(scored(item, click, click, (CTR,)), "item", None, None)
    assert found is not None
    assert found.second is None
    assert quadrants(scored(item, np.zeros(100), np.zeros(100)), "item", None, None) is None
    assert quadrants(scored(item, click, click), "shop", None, None) is None
