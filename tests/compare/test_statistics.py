"""Means over seeds, and the paired test, against numbers worked out by hand."""

import math

import pytest

from rec.compare.statistics import paired_p, summary


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
