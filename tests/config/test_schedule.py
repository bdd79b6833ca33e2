"""Learning rates by hand."""

import math

import pytest

from rec.config.schedule import first_rate, schedule_of


def rates(at: list[int], total: int | None = None, lowered: int = 0, **settings) -> list[float]:
    schedule = schedule_of(settings)
    assert schedule is not None
    return [schedule.rate(step, total, lowered) for step in at]


def test_the_formulas():
    assert rates([0, 7], start=0.5) == [0.5, 0.5]
    assert rates([0, 5, 10, 99], schedule="linear", start=1.0, end=0.2, steps=10) == pytest.approx([1, 0.6, 0.2, 0.2])
    expected = [1, 0.2 + 0.8 * (1 + math.cos(math.pi / 4)) / 2, 0.2]
    assert rates([0, 2, 8], schedule="cosine", start=1.0, end=0.2, steps=8) == pytest.approx(expected)
    assert rates([0, 1, 2], schedule="exponential", start=1.0, end=0.01, steps=2) == pytest.approx([1, 0.1, 0.01])
    assert rates([0, 3, 4, 8], schedule="step", start=1.0, factor=0.5, every=4) == pytest.approx([1, 1, 0.5, 0.25])
    assert rates([5], lowered=3, schedule="plateau", start=1.0, factor=0.5, metric="auc_ctr") == pytest.approx([0.125])


def test_the_warm_up():
    assert rates([0, 1, 3, 4], start=1.0, warmup_steps=4) == pytest.approx([0.25, 0.5, 1, 1])
    # What follows begins behind it: with steps to the end of training, it ends there.
    assert rates([4, 7, 10], total=10, schedule="linear", start=1.0, warmup_steps=4) == pytest.approx([1, 0.5, 0])
    assert rates([4, 9, 14], schedule="linear", start=1.0, warmup_steps=4, steps=10) == pytest.approx([1, 0.5, 0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": 0}, "start: should be greater than 0, got 0"),
        ({"schedule": "cosin", "start": 1.0}, "schedule: should be 'constant', 'linear'"),
        ({"start": 1.0, "end": 0.1}, "end: is of linear and cosine and exponential, but the schedule is constant"),
        ({"schedule": "step", "start": 1.0}, "every: is missing"),
        ({"schedule": "exponential", "start": 1.0}, "end: should be above 0"),
        ({"start": 1.0, "rate": 1}, "rate: Extra inputs are not permitted"),
    ],
)
def test_what_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        schedule_of(settings)


def test_a_number_is_no_schedule():
    assert schedule_of(0.1) is None
    assert (first_rate(0.1), first_rate({"start": 1})) == (0.1, 1.0)
