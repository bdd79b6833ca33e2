"""Means over seeds, and the paired test, against numbers worked out by hand."""

import math

import pytest

from rec.compare.statistics import holm, paired_p, summary


def test_a_summary_leaves_out_what_is_undefined():
    assert str(summary([0.5, None, 0.7])) == "0.6000 ± 0.1414"
    assert str(summary([0.5])) == "0.5000"
    assert str(summary([None])) == "-"


def test_the_paired_test():
    # Differences 1, 2, 3: mean 2, deviation 1, t = 2 sqrt(3) with 2 degrees of freedom.
    t = 2 * math.sqrt(3)
    expected = 1 - t / math.sqrt(2 + t * t)
    assert paired_p([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]) == pytest.approx(expected)
    assert paired_p([2.0, 4.0, None, 6.0], [1.0, 2.0, 9.0, 3.0]) == pytest.approx(expected)
    assert paired_p([1.0], [0.0]) is None
    assert paired_p([1.0, 2.0], [0.0, 1.0]) is None  # differences all alike


def test_holm_by_hand():
    """.01 of three is .03, .02 of the two left .04; .03 alone stays, but not below those before it."""
    found = holm({"a": 0.03, "b": 0.01, "c": None, "d": 0.02})
    assert found == pytest.approx({"a": 0.04, "b": 0.03, "c": None, "d": 0.04})
    assert holm({"a": 0.4, "b": 0.9}) == {"a": 0.8, "b": 0.9}
