"""Runs against each other: the paired intervals, and where one wins."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from rec.config.metrics import Asked, Column, Segment
from rec.errors import UserError
from rec.evidence.pairs import by_segment, changes, check_same_rows
from rec.evidence.scored import Scored
from rec.metrics.groups import numbered
from rec.metrics.segments import Names
from rec.metrics.task import Task

CTR = Task("ctr", "click")
HOUR, USER = Column("hour", "value"), Column("user", "group")


def scored(p: np.ndarray, click: np.ndarray, hour: np.ndarray, user: np.ndarray, digest: str = "same") -> Scored:
    names = Names("hour", bounded=False)
    columns = {HOUR.key: names(pa.array([str(value) for value in hour]))}
    columns[USER.key], units = numbered(user.astype(np.uint64))
    predicted = {"ctr": p.astype(np.float32)}
    asked = Asked((), (Segment("hour", HOUR),))
    return Scored(
        (CTR,), predicted, predicted, None, {"click": click.astype(np.float32)}, columns, {HOUR.key: names},
        {USER.key: units}, asked, {}, digest, 0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs() -> tuple[Scored, Scored]:
    """The second knows more in the hours 0 and 1, and less in the hour 2."""
    random = np.random.default_rng(0)
    rows = 6000
    hour, user, signal = random.integers(0, 4, rows), random.integers(1, 80, rows), random.normal(0, 1, rows)
    click = random.random(rows) < 1 / (1 + np.exp(1 - 2 * signal))
    noise = random.normal(0, 1, (2, rows))
    spread = np.array([0.3, 0.3, 3.0, 1.0])[hour]
    first, second = signal + noise[0], signal + np.where(hour == 3, noise[0], spread * noise[1])
    squash = [1 / (1 + np.exp(1 - z)) for z in (first, second)]
    return scored(squash[0], click, hour, user), scored(squash[1], click, hour, user)


def test_values_are_those_of_scikit_learn(runs):
    first, second = runs
    found = {each.metric: each for each in changes(first, second, "user")}
    y, p, q = first.labels["click"], first.predicted["ctr"], second.predicted["ctr"]
    assert found["auc"].first == pytest.approx(roc_auc_score(y, p), abs=1e-9)
    assert found["auc"].value == pytest.approx(roc_auc_score(y, q) - roc_auc_score(y, p), abs=1e-9)
    assert found["logloss"].value == pytest.approx(
        log_loss(y, q.astype(float)) - log_loss(y, p.astype(float)), abs=1e-9
    )
    user = first.columns[USER.key]
    areas = [[roc_auc_score(y[user == u], x[user == u]) for u in np.unique(user)] for x in (p, q)]
    weights = np.bincount(user)
    assert found["gauc"].value == pytest.approx(np.diff(np.average(areas, axis=1, weights=weights))[0], abs=1e-9)
    assert all(each.low < each.value < each.high for each in found.values())


def test_the_interval_of_logloss_is_that_of_users_drawn_anew(runs):
    first, second = runs
    found = {each.metric: each for each in changes(first, second, "user")}["logloss"]
    y, user = first.labels["click"] == 1, first.columns[USER.key]
    costs = [-np.log(np.where(y, x.predicted["ctr"], 1 - x.predicted["ctr"].astype(float))) for x in runs]
    sums, counts = np.bincount(user, costs[1] - costs[0]), np.bincount(user)
    random = np.random.default_rng(3)
    draws = [random.integers(0, len(sums), len(sums)) for _ in range(4000)]
    expected = np.quantile([sums[drawn].sum() / counts[drawn].sum() for drawn in draws], [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx(expected, abs=0.1 * np.ptp(expected))


def test_segments_say_where_the_second_wins_and_loses(runs):
    (parts,) = by_segment(*runs, CTR).values()
    verdict = {part.name: np.sign(part.change.value) if part.change.decided else 0 for part in parts}
    assert verdict == {"0": 1, "1": 1, "2": -1, "3": 0}
    assert sum(part.rows for part in parts) == 6000


def test_a_run_against_itself_does_not_differ(runs):
    for each in changes(runs[0], runs[0], "user"):
        assert (each.value, each.low, each.high, each.decided) == (0, 0, 0, False)


def test_other_rows_or_labels_are_refused(runs):
    first, _ = runs
    p, hour = first.predicted["ctr"], np.zeros(6000, int)
    other = scored(p, 1 - first.labels["click"], hour, hour)
    elsewhere = scored(p, first.labels["click"], hour, hour, digest="other")
    for each in (other, elsewhere):
        with pytest.raises(UserError, match="a and b are scored on other rows"):
            check_same_rows(["a", "b"], [first, each])
    check_same_rows(["a", "b"], list(runs))
