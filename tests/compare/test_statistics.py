"""Student's t against closed forms, and the paired test against numbers worked out by hand."""

import math

import pytest

from rec.compare.statistics import paired_p, student_p, summary


@pytest.mark.parametrize("t", [0.01, 0.5, 1.0, 2.776, 12.0, -3.0])
def test_student_s_closed_forms(t):
    assert student_p(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(abs(t)), rel=1e-10)
    assert student_p(t, 2) == pytest.approx(1 - abs(t) / math.sqrt(2 + t * t), rel=1e-10)
    # Four degrees of freedom: with s = t / sqrt(4 + t^2), p = 1 - 3 s / 2 + s^3 / 2.
    s = abs(t) / math.sqrt(4 + t * t)
    assert student_p(t, 4) == pytest.approx(1 - 1.5 * s + 0.5 * s**3, rel=1e-9)


def test_student_s_limits():
    assert student_p(0.0, 5) == 1
    assert student_p(1.96, 10**6) == pytest.approx(math.erfc(1.96 / math.sqrt(2)), rel=1e-4)


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
