"""Intervals of simulated samples cover the truth as often as they say (benchmarks/intervals.py does more of it)."""

import pytest

from support import ROOT

REPETITIONS = 200
# Of 200 intervals that cover with probability .95, fewer than 182 or all 200 do so in 1 case of 100 and 30,000.
LEAST, MOST = 0.91, 0.995


@pytest.mark.parametrize(
    "population",
    [
        "2,000 impressions",
        "5,000 calibrated impressions",
        "5,000 nearly calibrated impressions",
        "5,000 less calibrated impressions",
        "2,000 numbers",
        "2,000 numbers, some of them far off",
        "100 users",
        "150 requests",
    ],
)
def test_intervals_cover_the_truth(population, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from intervals import covered

    found = covered(population, REPETITIONS, size=1_000_000)
    shares = {metric: each["covered"] for metric, each in found.items()}
    assert all(LEAST <= share <= MOST for share in shares.values()), shares
