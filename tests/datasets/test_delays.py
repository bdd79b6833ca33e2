"""simulate_table.py --delay: conversions come when the law says, and nothing else changes."""

import numpy as np
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from scipy import stats

import simulate_table
from simulation.log.delay import Delay, delay_of
from simulation.log.settings import LogSettings

SIZE = "--impressions 20000 --days 2 --seed 3 --click-rate 0.3 --conversion-rate 0.3"
DAY = np.timedelta64(1, "D")


def rows(folder, knobs: str) -> dict[str, np.ndarray]:
    simulate_table.main([str(folder), *SIZE.split(), *knobs.split()])
    table = pq.read_table(folder)
    return {name: table[name].to_numpy() for name in table.column_names}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return rows(tmp_path_factory.mktemp("plain") / "log", "")


@pytest.mark.parametrize("law", ["exponential", "weibull", "mixture"])
def test_delays_follow_the_law(tmp_path, plain, law):
    """By its distribution function, a delay is uniform: whatever its scale, and cut off at the attribution window."""
    found = rows(tmp_path / "log", f"--delay {law} --delay-days 2 --delay-spread 1 --attribution-days 3")
    for name, values in plain.items():
        assert np.array_equal(values, found[name], equal_nan=values.dtype.kind == "f"), name
    bought = found["conversion"] == 1
    assert (np.isnat(found["conversion_time"]) == ~bought).all()
    days = (found["conversion_time"] - found["ts"])[bought] / DAY
    assert 0 <= days.min() < 0.05
    assert 2.5 < days.max() <= 3
    scale = found["delay_scale"][bought]
    delay = delay_of(LogSettings(impressions=1, delay=law, attribution_days=3.0))
    assert isinstance(delay, Delay)
    place = delay.chance_by(days, scale)
    assert stats.kstest(place, "uniform").pvalue > 0.001
    short = scale < np.median(scale)
    assert stats.kstest(place[short], "uniform").pvalue > 0.001
    # Half of the variance of the scale's logarithm is the price's.
    z = np.log(found["delay_scale"] / 2)
    assert np.corrcoef(z, np.log(found["price"]))[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.15)


def test_chances_are_those_of_the_formulas():
    """Scale 2 and at most 3 days, by 1 day: (1 - e^-.5) / (1 - e^-1.5), and likewise of square roots."""
    settings = {"impressions": 1, "attribution_days": 3.0}
    one, two = np.array([1.0, 5.0]), np.array([2.0, 2.0])
    law = {name: delay_of(LogSettings(delay=name, **settings)) for name in ("exponential", "weibull", "mixture")}
    slow, fast = (1 - np.exp(-0.5)), (1 - np.exp(-12.0))
    of_all = (1 - np.exp(-1.5)) + (1 - np.exp(-36.0))
    assert law["exponential"].chance_by(one, two) == pytest.approx([slow / (1 - np.exp(-1.5)), 1])
    roots = (1 - np.exp(-np.sqrt(0.5))) / (1 - np.exp(-np.sqrt(1.5)))
    assert law["weibull"].chance_by(one, two) == pytest.approx([roots, 1])
    assert law["mixture"].chance_by(one, two) == pytest.approx([(slow + fast) / of_all, 1])
    assert delay_of(LogSettings(impressions=1)) is None


def test_drift_moves_conversions_alone(tmp_path, plain):
    found = rows(tmp_path / "log", "--drift 1 --delay exponential")
    assert np.array_equal(found["p_click"], plain["p_click"])
    change = np.log(found["p_conversion"] / (1 - found["p_conversion"]))
    change -= np.log(plain["p_conversion"] / (1 - plain["p_conversion"]))
    # By category and time, and the same for all rows of a category at about one time.
    hour = found["ts"].astype("datetime64[h]").astype(int)
    for category in np.unique(found["category"])[:5]:
        own = found["category"] == category
        spans = [np.ptp(change[own & (hour == one)]) for one in np.unique(hour[own])]
        assert max(spans) < 0.25 < np.ptp(change[own])


def test_an_empty_time_is_empty_in_csv(tmp_path):
    simulate_table.main([*f"{tmp_path / 'log'} {SIZE} --delay exponential --format csv".split()])
    table = csv.read_csv(tmp_path / "log" / "day-01.csv")
    assert table["conversion_time"].null_count == table["conversion"].to_pylist().count(0)
