"""What each method takes in and when: by hand, by counts, and never of the future."""

import numpy as np
import pytest

from rec.stream.events import Events
from rec.stream.ingest import Copies, Snapshot, oracle
from rec.stream.log import DAY, HOUR, NEVER, Log

WAIT, WINDOW = 2 * HOUR, 10 * HOUR
VANILLA, VANILLA_WIN = Copies(at_once=False, later="none"), Copies(at_once=False, later="late")
FAKE, DEFER = Copies(at_once=True, later="late"), Copies(at_once=False, later="all")
ALL = [VANILLA, VANILLA_WIN, FAKE, DEFER, Snapshot()]


def log_of(click, delay) -> Log:
    """Clicks and delays in hours; None: no conversion."""
    click = np.array(click) * HOUR
    late = np.array([NEVER if d is None else int(d * HOUR) for d in delay])
    return Log.of(click, np.where(late == NEVER, NEVER, click + np.minimum(late, NEVER // 2)), WINDOW)[0]


def random_log(n: int = 400, seed: int = 0) -> Log:
    random = np.random.default_rng(seed)
    click = random.integers(0, 40 * HOUR, n)
    delay = random.exponential(5 * HOUR, n).astype(np.int64)
    return Log.of(click, np.where(random.random(n) < 0.6, click + delay, NEVER), WINDOW)[0]


def taken(events: Events) -> list[tuple[int, int, float]]:
    """Row, label and hour of each."""
    return list(
        zip(events.rows.tolist(), events.label.astype(int).tolist(), (events.time / HOUR).tolist(), strict=True)
    )


# A conversion within the wait, one after it, one that comes too late to count, none.
FOUR = log_of([0, 1, 2, 3], [1, 4, 11, None])


@pytest.mark.parametrize(
    ("ingestion", "expected"),
    [
        (VANILLA, [(0, 1, 2), (1, 0, 3), (2, 0, 4), (3, 0, 5)]),
        (VANILLA_WIN, [(0, 1, 2), (1, 0, 3), (2, 0, 4), (1, 1, 5), (3, 0, 5)]),
        (FAKE, [(0, 0, 0), (0, 1, 1), (1, 0, 1), (2, 0, 2), (3, 0, 3), (1, 1, 5)]),
        (
            DEFER,
            [(0, 1, 1), (0, 1, 2), (1, 0, 3), (2, 0, 4), (1, 1, 5), (3, 0, 5), (2, 0, 12), (3, 0, 13)],
        ),
        (Snapshot(), [(0, 1, 10), (1, 1, 11), (2, 0, 12), (3, 0, 13)]),
    ],
)
def test_four_clicks(ingestion, expected):
    assert taken(ingestion(FOUR.as_of(20 * HOUR, 0), 0, WAIT)) == expected


def test_four_clicks_of_the_oracle():
    assert taken(oracle(FOUR, 0, 20 * HOUR)) == [(0, 1, 0), (1, 1, 1), (2, 0, 2), (3, 0, 3)]


def test_a_snapshot_knows_what_has_come_and_how_long_ago_it_was():
    events = Snapshot()(FOUR.as_of(4 * HOUR, 0), 0, WAIT)
    assert events.label.tolist() == [1, 0, 0, 0]
    assert events.elapsed * 24 == pytest.approx([4, 3, 2, 1])
    assert events.delay * 24 == pytest.approx([1, 0, 0, 0])


@pytest.mark.parametrize(
    ("ingestion", "positives", "negatives"),
    [
        (VANILLA, lambda f, dp: f - dp, lambda f, dp: 1 - f + dp),
        (VANILLA_WIN, lambda f, dp: f, lambda f, dp: 1 - f + dp),
        (FAKE, lambda f, dp: f, lambda f, dp: 1),
        (DEFER, lambda f, dp: f - dp + f, lambda f, dp: 2 * (1 - f) + dp),
        (Snapshot(), lambda f, dp: f, lambda f, dp: 1 - f),
    ],
)
def test_masses(ingestion, positives, negatives):
    """In the end every click has added what the method's table says."""
    log = random_log()
    n, bought = len(log), log.conversion != NEVER
    f, dp = bought.mean(), (bought & (log.conversion - log.click > WAIT)).mean()
    label = ingestion(log.as_of(90 * HOUR, 0), 0, WAIT).label
    assert (label.sum() / n, (1 - label).sum() / n) == pytest.approx((positives(f, dp), negatives(f, dp)))


@pytest.mark.parametrize("ingestion", ALL)
@pytest.mark.parametrize("now", [7, 23])
def test_the_future_changes_nothing(ingestion, now):
    """A log with other clicks and conversions from `now` on gives the same rows until then."""
    log, now = random_log(), now * HOUR
    before = log.click < now
    other = np.where(log.conversion >= now, np.where(np.arange(len(log)) % 2, NEVER, now + HOUR), log.conversion)
    click = np.where(before, log.click, log.click + 5 * HOUR)
    other = np.where(before, other, NEVER)
    changed = Log.of(click, other, WINDOW)[0]
    assert not np.array_equal(changed.conversion, log.conversion)
    first, second = (ingestion(one.as_of(now, 0), 0, WAIT) for one in (log, changed))
    assert taken(first) == taken(second)
    assert len(first) > 0
    assert (first.time <= now).all()


@pytest.mark.parametrize("ingestion", [VANILLA, VANILLA_WIN, FAKE, DEFER])
def test_hours_together_are_the_whole(ingestion):
    """Hour by hour, of the clicks within `reach` alone, the same rows in the same order."""
    log = random_log()
    whole = taken(ingestion(log.as_of(60 * HOUR, 0), 0, WAIT))
    parts = []
    for hour in range(60):
        since = hour * HOUR
        seen = log.as_of(since + HOUR, since - ingestion.reach(WINDOW, WAIT))
        parts += taken(ingestion(seen, since, WAIT))
    assert parts == whole


def test_what_is_known_is_of_before():
    log = random_log()
    seen = log.as_of(9 * HOUR, 0)
    assert seen.click.max() < 9 * HOUR
    assert seen.conversion[seen.conversion != NEVER].max() < 9 * HOUR
    assert (seen.conversion == NEVER).sum() > (log.conversion[seen.rows] == NEVER).sum()


def test_a_conversion_after_the_window_is_none():
    log, order = Log.of(np.array([DAY, 0]), np.array([DAY + WINDOW, WINDOW + 1]), WINDOW)
    assert order.tolist() == [1, 0]
    assert log.final(np.arange(2)).tolist() == [0, 1]
